//! Why the database floor cannot answer. Knows no HTTP: which status each becomes is the `api` floor's matter.

use diesel::result::{DatabaseErrorKind, Error};
use domain::refusal::Refusal;

#[derive(Debug)]
pub enum Fault {
    /// The rules say no.
    Refused(Refusal),
    /// There is no such row in the caller's scope.
    Missing,
    /// The row has moved on; its version now.
    Stale(i64),
    /// A uniqueness rule of the database holds against it: the constraint or the columns.
    Taken(String),
    /// Not now: the engine is restarting or locked. Nothing was stored, or it is not known.
    Busy(String),
    /// Not now: others wait already, and nothing was begun. It says nothing but that much is asked.
    Full(&'static str),
    /// A stored row breaks a rule it was stored under.
    Corrupt(String),
    /// A fault of the program or of the machine.
    Broken(String),
}

impl From<Refusal> for Fault {
    fn from(refusal: Refusal) -> Self {
        Fault::Refused(refusal)
    }
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        match error {
            Error::NotFound => Fault::Missing,
            Error::DatabaseError(DatabaseErrorKind::UniqueViolation, info) => {
                Fault::Taken(info.constraint_name().map_or_else(|| info.message().to_owned(), str::to_owned))
            }
            Error::DatabaseError(DatabaseErrorKind::SerializationFailure | DatabaseErrorKind::ClosedConnection, info) => {
                Fault::Busy(info.message().to_owned())
            }
            Error::DatabaseError(_, info) if retryable(info.message()) => Fault::Busy(info.message().to_owned()),
            Error::DeserializationError(error) => Fault::Corrupt(error.to_string()),
            other => Fault::Broken(other.to_string()),
        }
    }
}

/// Engines report lock time-outs, deadlocks, full disks and restarts only by their message.
fn retryable(message: &str) -> bool {
    [
        "database is locked",
        "database table is locked",
        "deadlock detected",
        "could not obtain lock",
        "lock timeout",
        "statement timeout",
        "server closed the connection",
        "terminating connection",
        "the database system is",
        "no connection to the server",
        "could not connect",
        "connection refused",
        "database or disk is full",
    ]
    .iter()
    .any(|known| message.contains(known))
}

impl Fault {
    /// Whether the fault is of this moment rather than a refusal of the request.
    pub fn is_busy(&self) -> bool {
        matches!(self, Fault::Busy(_) | Fault::Full(_))
    }

    /// As [`Refusal::leading`].
    #[must_use]
    pub fn leading(self, told: impl Fn(&str) -> String) -> Self {
        match self {
            Fault::Refused(refusal) => Fault::Refused(refusal.leading(told)),
            other => other,
        }
    }

    /// Turns a uniqueness violation into a refusal of the rules.
    #[must_use]
    pub fn taken(self, refusal: impl FnOnce() -> Refusal) -> Self {
        match self {
            Fault::Taken(_) => Fault::Refused(refusal()),
            other => other,
        }
    }
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Fault::Refused(refusal) => refusal.fmt(f),
            Fault::Missing => f.write_str("missing"),
            Fault::Stale(version) => write!(f, "stale, now at version {version}"),
            Fault::Taken(what) => write!(f, "taken: {what}"),
            Fault::Busy(why) => write!(f, "busy: {why}"),
            Fault::Full(why) => write!(f, "full: {why}"),
            Fault::Corrupt(what) => write!(f, "corrupt: {what}"),
            Fault::Broken(what) => f.write_str(what),
        }
    }
}

impl std::error::Error for Fault {}
