//! Passwords and client secrets: argon2id, at most two computations at once, and the same time for unknown logins.

use std::sync::OnceLock;

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, Version};
use domain::refusal::Refusal;
use tokio::sync::Semaphore;

use crate::problem::{Problem, SERVICE_BROKEN, SERVICE_BUSY};

/// Memory of one computation, in KiB.
const MEMORY_KIB: u32 = 46 * 1024;
/// Each computation holds its memory: no more than this many at once.
pub const AT_ONCE: usize = 2;
/// How many may wait for their turn.
pub const WAITING_MAX: usize = 20;

static TURNS: Semaphore = Semaphore::const_new(AT_ONCE);
static QUEUE: Semaphore = Semaphore::const_new(AT_ONCE + WAITING_MAX);

fn argon2() -> Result<Argon2<'static>, Problem> {
    let params = Params::new(MEMORY_KIB, 1, 1, None).map_err(|_| Problem::from(&SERVICE_BROKEN))?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

async fn in_turn<T: Send + 'static>(work: impl FnOnce() -> Result<T, Problem> + Send + 'static) -> Result<T, Problem> {
    let place = QUEUE.try_acquire().map_err(|_| Problem::from(&SERVICE_BUSY))?;
    let turn = TURNS.acquire().await.map_err(|_| Problem::from(&SERVICE_BROKEN))?;
    let held = move || {
        // Held until the work ends, though its caller may go away before.
        let _held = (place, turn);
        work()
    };
    tokio::task::spawn_blocking(held).await.map_err(|_| Problem::from(&SERVICE_BROKEN))?
}

/// The PHC string of a secret.
pub async fn hash(secret: String) -> Result<String, Problem> {
    in_turn(move || {
        let hashed = argon2()?.hash_password(secret.as_bytes()).map_err(|_| Problem::from(&SERVICE_BROKEN))?;
        Ok(hashed.to_string())
    })
    .await
}

/// What an unknown login is checked against, so that it costs what a known one costs.
fn nobody() -> &'static str {
    static NOBODY: OnceLock<String> = OnceLock::new();
    NOBODY.get_or_init(|| {
        argon2()
            .ok()
            .and_then(|argon2| argon2.hash_password(b"nobody signs in with this").ok())
            .map_or_else(String::new, |hash| hash.to_string())
    })
}

/// Whether a secret is the one behind a hash; without a hash, the same work and the answer no.
pub async fn verify(secret: String, hash: Option<String>, refused: fn() -> Refusal) -> Result<(), Problem> {
    in_turn(move || {
        let known = hash.is_some();
        // Made at the first verification of any login, or the first unknown login would take twice as long.
        let nobody = nobody();
        let hash = hash.unwrap_or_else(|| nobody.to_owned());
        let parsed = PasswordHash::new(&hash).map_err(|_| Problem::from(&SERVICE_BROKEN))?;
        let right = argon2()?.verify_password(secret.as_bytes(), &parsed).is_ok();
        if known && right { Ok(()) } else { Err(refused().into()) }
    })
    .await
}
