//! Slows down those who fail to prove who they are: by login, by address, and altogether.

use std::net::IpAddr;

use db::identity::throttle::{Counter, forget, press, release};
use domain::identity::PASSWORD_WRONG;
use domain::identity::step_up::ONE_TIME_PASSWORD_WRONG;
use domain::identity::throttle::Brake;
use domain::refusal::Family;
use sha2::{Digest, Sha256};

use crate::auth::Call;
use crate::problem::{Problem, TOO_MANY_REQUESTS};
use crate::rate::network;

fn counter(kind: &str, name: &[u8], brake: Brake) -> Counter {
    Counter { key_hash: Sha256::new().chain_update(kind).chain_update([0]).chain_update(name).finalize().into(), brake }
}

/// What failures of a request count on: its address, and for secrets that people choose also the login, whether it exists
/// or not, and all failures together. Codes and tokens that the service made cannot be guessed; they do not wait for what
/// others do.
fn counters(call: &Call, login: Option<&str>) -> Vec<Counter> {
    let policy = &call.desk.sign_in;
    let by_login = Brake { free: policy.failures_per_login, forget_seconds: 600, longest_seconds: 60 };
    let by_address = Brake { free: policy.failures_per_address, forget_seconds: 60, longest_seconds: 60 };
    let altogether = Brake { free: policy.failures_altogether, forget_seconds: 1, longest_seconds: 4 };
    let address = match call.address.map(network) {
        Some(IpAddr::V4(address)) => address.octets().to_vec(),
        Some(IpAddr::V6(address)) => address.octets().to_vec(),
        None => Vec::new(),
    };
    let by_address = counter("address", &address, by_address);
    match login {
        Some(login) => vec![counter("login", login.as_bytes(), by_login), by_address, counter("all", b"", altogether)],
        None => vec![by_address],
    }
}

fn is_failure(problem: &Problem) -> bool {
    let code = problem.refusal.code;
    code.family == Family::Unauthenticated || code == &PASSWORD_WRONG || code == &ONE_TIME_PASSWORD_WRONG
}

/// Lets a proof of identity be tried, unless there were too many failures. The try counts as failed before it is made, so
/// that a hundred at once are not a hundred tries; what was no failure is taken back, and a success forgets the login's.
pub async fn guarded<T>(call: &Call, login: Option<&str>, proof: impl Future<Output = Result<T, Problem>>) -> Result<T, Problem> {
    let counters = counters(call, login);
    let (asked, now) = (counters.clone(), call.now);
    let pressed = match call.store().keep(move |conn| press(conn, &asked, now)).await? {
        Ok(pressed) => pressed,
        Err(seconds) => return Err(TOO_MANY_REQUESTS.refuse().with("retry_after", seconds).into()),
    };
    let outcome = proof.await;
    if outcome.as_ref().is_err_and(is_failure) {
        return outcome;
    }
    let succeeded = outcome.is_ok() && login.is_some();
    let taken_back = call.store().keep(move |conn| {
        release(conn, &counters, &pressed)?;
        match counters.first().filter(|_| succeeded) {
            Some(login) => forget(conn, &login.key_hash),
            None => Ok(()),
        }
    });
    if let Err(fault) = taken_back.await {
        log::warn!("a success still counts as a failure: {:?}", fault.to_string());
    }
    outcome
}
