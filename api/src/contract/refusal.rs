//! Which codes refuse each operation: kept beside the contract as data, and held by the test suite to be exactly what the
//! service answers.

use std::collections::{BTreeMap, BTreeSet};

use domain::audit::access_record::{ACCESS_QUOTA_REACHED, ACCESS_REASON_REQUIRED};
use domain::audit::{IDEMPOTENCY_KEY_MISSING, IDEMPOTENCY_KEY_REUSED};
use domain::identity::proposal::{SECOND_PERSON_ABSENT, SECOND_PERSON_REQUIRED};
use domain::identity::step_up::STEP_UP_REQUIRED;
use domain::identity::{ROLE_MISSING, TOKEN_INVALID, TOKEN_MISSING};
use domain::refusal::Code;

use crate::access::{Access, Effect, OPERATIONS, Operation, Recorded, operation};
use crate::problem::{self, CONFLICT, NOT_FOUND, all_codes};

const REFUSALS: &str = include_str!("refusals.csv");

/// Whether the list names a code for an operation of this path. It leaves out the manners of the whole service, which follow
/// from the kind of an operation, but for a like record, and for what is looked for elsewhere than in the path.
pub fn is_listed(path: &str, name: &str) -> bool {
    let Some(code) = all_codes().find(|code| code.name == name) else { return false };
    !problem::CODES.contains(&code) || *code == CONFLICT || (*code == NOT_FOUND && !path.contains('{'))
}

/// The codes with which every operation of a kind refuses; the list does not repeat them.
fn manners(operation: &Operation) -> Vec<&'static Code> {
    let mut manners: Vec<&'static Code> = vec![&TOKEN_INVALID];
    if operation.access != Access::Open {
        manners.push(&TOKEN_MISSING);
    }
    if matches!(operation.access, Access::Roles(_) | Access::Platform) {
        manners.push(&ROLE_MISSING);
    }
    if matches!(operation.effect, Effect::Create | Effect::Act) {
        manners.extend([&IDEMPOTENCY_KEY_MISSING, &IDEMPOTENCY_KEY_REUSED]);
    }
    if operation.step_up {
        manners.push(&STEP_UP_REQUIRED);
    }
    if operation.two_persons {
        manners.extend([&SECOND_PERSON_REQUIRED, &SECOND_PERSON_ABSENT]);
    }
    if operation.recorded != Recorded::Never {
        manners.extend([&ACCESS_REASON_REQUIRED, &ACCESS_QUOTA_REACHED]);
    }
    manners
}

/// Whether an operation refuses with a code because of its kind, whether the list names it or not.
pub fn follows(id: &str, name: &str) -> bool {
    operation(id).is_some_and(|operation| manners(operation).iter().any(|code| code.name == name))
}

/// The codes that an operation may refuse with, by status.
pub fn refusals(operation: &Operation) -> BTreeMap<u16, BTreeSet<&'static str>> {
    let mut found: BTreeMap<u16, BTreeSet<&'static str>> = BTreeMap::new();
    let lines = REFUSALS.lines().skip(1).filter_map(|line| line.split_once(',')).filter(|(id, _)| *id == operation.id);
    let named = lines.filter_map(|(_, name)| all_codes().find(|code| code.name == name));
    for code in named.chain(manners(operation)) {
        found.entry(problem::status(code.family).as_u16()).or_default().insert(code.name);
    }
    found
}

/// Every operation with every code that the contract names for it beside the plain manners of the service.
pub fn listed() -> impl Iterator<Item = (&'static str, &'static str)> {
    let manners = OPERATIONS.iter().flat_map(|operation| manners(operation).into_iter().map(|code| (operation.id, code.name)));
    REFUSALS.lines().skip(1).filter_map(|line| line.split_once(',')).chain(manners)
}
