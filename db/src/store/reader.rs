//! Readers: threads, each with a connection that cannot write, which take what waits.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection as _;
use tokio::sync::{OwnedSemaphorePermit, oneshot};

use super::panic_text;
use super::queue::Exit;
use crate::connection::{Conn, Target, Use};
use crate::fault::Fault;
use crate::wall::{Gate, Reach, turn};

/// For how long a connection that has just answered is believed to be there: no server starts anew in less.
const BELIEVED: Duration = Duration::from_millis(100);
/// For how long a transaction stays open for whoever comes next.
const LINGERING: Duration = Duration::from_millis(2);

/// How a read left its connection.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Left {
    AsItWas,
    /// The transaction may be over.
    Refused,
    /// It cannot be used again.
    Unsound,
}

type Query = Box<dyn FnOnce(Result<&mut Conn, Fault>) -> Left + Send>;

/// A read that waits, until a reader takes it or its caller goes away.
#[derive(Clone)]
pub struct Waiting(Arc<Mutex<Option<(Reach, Query)>>>);

impl Waiting {
    /// A read in its place, and where its result comes out.
    pub fn new<T: Send + 'static>(
        place: OwnedSemaphorePermit,
        reach: Reach,
        query: impl FnOnce(&mut Conn) -> Result<T, Fault> + Send + 'static,
    ) -> (Self, oneshot::Receiver<Result<T, Fault>>) {
        let (sender, receiver) = oneshot::channel();
        let run = move |conn: Result<&mut Conn, Fault>| {
            let read = conn.and_then(|conn| {
                let attempt = catch_unwind(AssertUnwindSafe(|| query(conn)));
                attempt.unwrap_or_else(|panic| Err(Fault::Broken(panic_text(panic.as_ref()))))
            });
            let left = match &read {
                Ok(_) => Left::AsItWas,
                Err(Fault::Busy(_) | Fault::Broken(_)) => Left::Unsound,
                Err(_) => Left::Refused,
            };
            // Another may wait in its place when the caller hears of it, who may have gone away.
            drop(place);
            drop(sender.send(read));
            left
        };
        (Self(Arc::new(Mutex::new(Some((reach, Box::new(run) as Query))))), receiver)
    }

    /// Whoever takes it alone has it.
    pub fn take(&self) -> Option<(Reach, Query)> {
        self.0.lock().ok()?.take()
    }
}

/// Gives up a read that nobody began when its caller goes away.
pub struct Caller(pub Waiting);

impl Drop for Caller {
    fn drop(&mut self) {
        drop(self.0.take());
    }
}

pub struct Reader {
    target: Target,
    gate: Gate,
    conn: Option<Conn>,
    /// When the connection answered last.
    answered: Instant,
    /// Since when a transaction of PostgreSQL is open, and for whom.
    open: Option<(Instant, Reach)>,
}

impl Reader {
    pub fn new(target: Target, gate: Gate) -> Self {
        Self { target, gate, conn: None, answered: Instant::now(), open: None }
    }

    pub fn run(mut self, queue: &Exit<Waiting>) {
        let mut next = queue.take();
        while let Some(waiting) = next.take() {
            if let Some((reach, query)) = waiting.take() {
                match query(self.connection(&reach)) {
                    Left::AsItWas => self.answered = Instant::now(),
                    Left::Refused => {
                        self.answered = Instant::now();
                        self.end();
                    }
                    Left::Unsound => (self.conn, self.open) = (None, None),
                }
            }
            // Who comes at once is served in the same transaction.
            next = match self.open {
                Some(_) => queue.take_within(LINGERING),
                None => None,
            };
            if next.is_none() {
                self.end();
                next = queue.take();
            }
        }
    }

    /// Ends the transaction of the last read, after its caller was answered.
    fn end(&mut self) {
        if self.open.take().is_some()
            && let Some(conn) = &mut self.conn
            && conn.batch_execute("COMMIT").is_err()
        {
            self.conn = None;
        }
    }

    /// A connection that is there, and reaches as far as asked.
    fn connection(&mut self, reach: &Reach) -> Result<&mut Conn, Fault> {
        let believed = self.answered.elapsed() <= BELIEVED;
        let open = self.open.take();
        // One that hears of many goes on to what was stored since: each statement sees that by itself.
        if believed
            && let Some((since, named)) = &open
            && since.elapsed() <= BELIEVED
            && let Some(conn) = &mut self.conn
            && (named == reach || conn.batch_execute(&turn(reach)).is_ok())
        {
            self.open = Some((*since, reach.clone()));
            return self.conn.as_mut().ok_or_else(|| Fault::Broken("no connection".to_owned()));
        }
        let mut kept = self.conn.take();
        if let Some(conn) = &mut kept {
            let answers = match conn {
                // The trip that begins a transaction tells as well whether the server is there.
                Conn::Pg(_) => {
                    let ended = if open.is_some() { "COMMIT; " } else { "" };
                    conn.batch_execute(&(ended.to_owned() + &self.gate.begin(Use::Reads, reach))).is_ok()
                }
                Conn::Sqlite(_) => believed || conn.batch_execute("SELECT 1").is_ok(),
            };
            if !answers {
                kept = None;
            }
        }
        let conn = match kept {
            Some(conn) => conn,
            None => {
                let mut conn = self.target.connect(true)?;
                if matches!(conn, Conn::Pg(_)) {
                    conn.batch_execute(&self.gate.begin(Use::Reads, reach))?;
                }
                conn
            }
        };
        if matches!(conn, Conn::Pg(_)) {
            self.open = Some((Instant::now(), reach.clone()));
        }
        Ok(self.conn.insert(conn))
    }
}
