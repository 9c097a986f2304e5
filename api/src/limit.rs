//! Limits of the edge: what a caller may send, how long a connection may take, and how many callers are counted. `docs/limits.md` tells them to those who
//! run the service.

use std::time::Duration;

/// The most bytes of an ordinary body.
pub const BODY_MAX: usize = 256 * 1024;
/// The most bytes of an import.
pub const IMPORT_MAX: usize = 2 * 1024 * 1024;
/// How long a client may take to send a body.
pub const BODY_DEADLINE: Duration = Duration::from_secs(10);
/// The most bytes of a body that is read as it arrives.
pub const INTAKE_MAX: usize = 64 * 1024 * 1024;
/// How long a client may take to send such a body.
pub const INTAKE_DEADLINE: Duration = Duration::from_secs(600);
/// How long nothing may come of it.
pub const SILENCE_MAX: Duration = Duration::from_secs(10);
/// How many such bodies are in hand at once.
pub const INTAKES_AT_ONCE: usize = 1;
/// How long a client may take to send the head of the first request of a connection.
pub const HEAD_DEADLINE: Duration = Duration::from_secs(5);
/// How long a connection may wait for its next request.
pub const KEEP_ALIVE: Duration = Duration::from_secs(30);
/// How long a connection may be without a whole request, whatever it sends meanwhile.
pub const IDLE_MAX: Duration = Duration::from_secs(35);
/// How long a client may take none of what it is sent.
pub const UNREAD_MAX: Duration = Duration::from_secs(30);
/// How many connections a worker serves at once; further ones wait to be accepted.
pub const CONNECTIONS_MAX: usize = 2_000;
/// How many bytes of an answer a connection gathers before it sends them, and keeps room for; thousands of connections add up.
pub const WRITTEN_AT_ONCE: usize = 8 * 1024;
/// How long the requests in hand may take when the service is asked to stop, in seconds.
pub const STOP_SECONDS: u64 = 25;

/// How many callers of a kind are counted each by itself; further ones share one quota.
pub const CALLERS_MAX: usize = 100_000;
/// How often, at most, callers whose quota is whole again are forgotten.
pub const SWEEP_INTERVAL: Duration = Duration::from_secs(5);

/// The most bytes of a request's head; the HTTP library knows no other.
pub const HEAD_MAX: usize = 128 * 1024;
/// The most headers of a request, likewise.
pub const HEADERS_MAX: usize = 96;
/// The most bytes of a path with its parameters, likewise.
pub const TARGET_MAX: usize = 65_534;
/// How deep JSON may be nested; the JSON library knows no other.
pub const DEPTH_MAX: usize = 127;
