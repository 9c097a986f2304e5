//! How an operation is declared: who may call it, what it does, and what else holds for it.

use domain::identity::Role;

/// Who may call an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Anyone; a token widens what is seen to the caller's clearance.
    Open,
    /// Anyone with a valid token.
    SignedIn,
    /// Whoever holds any role in the organisation of the path.
    Members,
    /// Whoever holds one of these roles in the organisation of the path.
    Roles(&'static [Role]),
    /// Administrators of the platform.
    Platform,
}

/// What an operation does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Reads.
    Read,
    /// Hands out, spends or withdraws a secret, which is never kept for repetitions.
    Secret,
    /// Creates; the header Idempotency-Key is required.
    Create,
    /// Acts on a version; the headers Idempotency-Key and If-Match are required.
    Act,
}

/// Whether what an operation tells is recorded, by whom and why, before it is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recorded {
    Never,
    /// Where the caller is cleared for restricted rows, which are some of those that it tells.
    Restricted,
    Always,
    /// Always, and the caller has to say why: the header Access-Reason is required.
    WithReason,
}

/// An operation of the API.
#[derive(Clone, Copy, Debug)]
pub struct Operation {
    pub id: &'static str,
    pub access: Access,
    pub effect: Effect,
    /// Whether the answer is reference data, the same for everyone.
    pub published: bool,
    /// Whether what it tells is recorded.
    pub recorded: Recorded,
    /// Whether it wants a recent proof of who calls: it changes who may act, or what proves it.
    pub step_up: bool,
    /// Whether it takes two persons, where there are two: the second asks for what the first asked for. Handlers say which
    /// requests one person does alone; of an operation whose handler says nothing, none.
    pub two_persons: bool,
}

impl Operation {
    /// The same, and what it tells is recorded.
    pub(super) const fn recorded(self, recorded: Recorded) -> Self {
        Self { recorded, ..self }
    }

    /// The same, and it wants a recent proof of who calls.
    pub(super) const fn stepped_up(self) -> Self {
        Self { step_up: true, ..self }
    }

    /// The same, and it takes two persons.
    pub(super) const fn by_two(self) -> Self {
        Self { two_persons: true, ..self }
    }
}

pub(super) const fn declare(id: &'static str, access: Access, effect: Effect) -> Operation {
    Operation { id, access, effect, published: false, recorded: Recorded::Never, step_up: false, two_persons: false }
}

pub(super) const fn read(id: &'static str, access: Access) -> Operation {
    declare(id, access, Effect::Read)
}

pub(super) const fn create(id: &'static str, access: Access) -> Operation {
    declare(id, access, Effect::Create)
}

pub(super) const fn act(id: &'static str, access: Access) -> Operation {
    declare(id, access, Effect::Act)
}

pub(super) const fn secret(id: &'static str, access: Access) -> Operation {
    declare(id, access, Effect::Secret)
}

pub(super) const fn publish(id: &'static str) -> Operation {
    Operation { published: true, ..declare(id, Access::Open, Effect::Read) }
}
