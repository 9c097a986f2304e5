//! Readers: threads, each with a connection that cannot write, which take what waits.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crossbeam_channel::Receiver;
use diesel::connection::SimpleConnection as _;
use tokio::sync::{OwnedSemaphorePermit, oneshot};

use super::panic_text;
use crate::connection::{Conn, Target};
use crate::fault::Fault;

/// For how long a connection that has just answered is believed to be there: no server starts anew in less.
const BELIEVED: Duration = Duration::from_millis(100);

/// Whether the connection can be used again.
type Sound = bool;
type Query = Box<dyn FnOnce(Result<&mut Conn, Fault>) -> Sound + Send>;

/// A read that waits, until a reader takes it or its caller goes away.
#[derive(Clone)]
pub struct Waiting(Arc<Mutex<Option<Query>>>);

impl Waiting {
    /// A read in its place, and where its result comes out.
    pub fn new<T: Send + 'static>(
        place: OwnedSemaphorePermit,
        query: impl FnOnce(&mut Conn) -> Result<T, Fault> + Send + 'static,
    ) -> (Self, oneshot::Receiver<Result<T, Fault>>) {
        let (sender, receiver) = oneshot::channel();
        let run = move |conn: Result<&mut Conn, Fault>| {
            let read = conn.and_then(|conn| {
                let attempt = catch_unwind(AssertUnwindSafe(|| query(conn)));
                attempt.unwrap_or_else(|panic| Err(Fault::Broken(panic_text(panic.as_ref()))))
            });
            let sound = !matches!(read, Err(Fault::Busy(_) | Fault::Broken(_)));
            // Another may wait in its place when the caller hears of it, who may have gone away.
            drop(place);
            drop(sender.send(read));
            sound
        };
        (Self(Arc::new(Mutex::new(Some(Box::new(run))))), receiver)
    }

    /// Whoever takes it alone has it.
    pub fn take(&self) -> Option<Query> {
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
    conn: Option<Conn>,
    /// When the connection answered last.
    answered: Instant,
}

impl Reader {
    pub fn new(target: Target) -> Self {
        Self { target, conn: None, answered: Instant::now() }
    }

    pub fn run(mut self, queue: &Receiver<Waiting>) {
        while let Ok(waiting) = queue.recv() {
            let Some(query) = waiting.take() else { continue };
            if query(self.connection()) {
                self.answered = Instant::now();
            } else {
                self.conn = None;
            }
        }
    }

    /// A connection that is there.
    fn connection(&mut self) -> Result<&mut Conn, Fault> {
        // Asked before each use, a trip to the server would double the time of a short read.
        let believed = self.answered.elapsed() <= BELIEVED;
        let kept = self.conn.take().and_then(|mut conn| (believed || conn.batch_execute("SELECT 1").is_ok()).then_some(conn));
        let conn = match kept {
            Some(conn) => conn,
            None => self.target.connect(true)?,
        };
        Ok(self.conn.insert(conn))
    }
}
