//! The two doors to the database: [`Store::read`] and [`Store::write`].
//!
//! Writes run on **lanes**. A lane takes whatever waits (never lingering to fill a group), runs each job in one transaction,
//! commits once, then answers all: one fsync serves many requests. When one of the group is refused, the group runs again
//! with each job in a savepoint: one refusal sinks nobody. SQLite has one lane; PostgreSQL has several, chosen by
//! organisation. A third door, [`Store::keep`], is closed to housekeeping that nobody audits.

mod checkpoint;
mod flush;
mod foresight;
mod gather;
mod lane;
mod priority;
mod queue;
mod reader;

use std::sync::Arc;
use std::sync::mpsc;
use std::time::Duration;

use chrono::{DateTime, NaiveDate, Utc};
use diesel::connection::SimpleConnection as _;
use domain::audit::{Actor, Events};
use domain::id::OrganisationId;
use domain::sensitivity::{Scope, Sensitivity};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use crate::audit::{Answer, Claim};
use crate::connection::{Conn, Engine, Target, is_migrated, leave_log_to_others, migrate, require_durable};
use crate::effect::Effects;
use crate::expenditure::reservation::Reservations;
use crate::fault::Fault;
use crate::shelf::Shelf;
use crate::store::checkpoint::{Checkpointer, PAGES};
use crate::store::flush::{Disk, Flusher};
pub use crate::store::foresight::{Foreseen, Wanted};
pub use crate::store::gather::{ById, Gather, Gathered};
use crate::store::lane::{Job, Lane, Work};
use crate::store::priority::Priority;
use crate::store::queue::{Entry, queue};
use crate::store::reader::{Caller, Reader, Waiting};
use crate::wall::{Reach, Standing, inspect};

/// The most writes that wait for a lane before new ones are refused. Those of the group that runs count with them: so many are done in
/// a fraction of a second, and whoever waited longer than a second would rather have come again.
pub const WRITES_WAITING_MAX: usize = 256;
/// The most reads that wait for a connection before new ones are refused.
pub const READS_WAITING_MAX: usize = 256;
/// How long a read waits for a connection.
pub const READ_PATIENCE: Duration = Duration::from_secs(2);
/// How many connections a store opens, and how many requests may wait for one.
#[derive(Clone, Copy, Debug)]
pub struct Sizes {
    /// More than there are processors only keep those who answer from their work.
    pub readers: usize,
    /// Lanes on PostgreSQL; SQLite always has one.
    pub lanes: usize,
    pub reads_waiting: usize,
    /// At each lane.
    pub writes_waiting: usize,
}

impl Default for Sizes {
    fn default() -> Self {
        Self { readers: 2, lanes: 4, reads_waiting: READS_WAITING_MAX, writes_waiting: WRITES_WAITING_MAX }
    }
}

/// The database, and whose rows may be read through it. Cheap to clone.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
    reach: Reach,
}

struct Inner {
    engine: Engine,
    /// Where readers take what waits.
    reads: Entry<Waiting>,
    /// One for each read that runs or waits.
    places: Arc<Semaphore>,
    gathered: Gathered,
    lanes: Vec<Entrance>,
    shelf: Arc<Shelf>,
    /// What has reached it; nothing where the engine shows only what has.
    disk: Option<Arc<Disk>>,
    standing: Standing,
}

const NO_READER: Fault = Fault::Full("no reader came free");
const WRITES_FULL: &str = "too many writes are waiting";

/// Where a lane takes what is brought to it.
struct Entrance {
    jobs: mpsc::Sender<Box<dyn Job>>,
    /// One for each write that runs or waits.
    places: Arc<Semaphore>,
}

impl Entrance {
    fn place(&self) -> Result<OwnedSemaphorePermit, Fault> {
        let place = Arc::clone(&self.places).try_acquire_owned();
        place.map_err(|_| Fault::Full(WRITES_FULL))
    }

    fn take(&self, job: Box<dyn Job>) -> Result<(), Fault> {
        self.jobs.send(job).map_err(|_| Fault::Broken("the lane ended".to_owned()))
    }
}

/// Which of the walls between organisations stand.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Walls {
    All,
    /// All but the first.
    #[cfg(debug_assertions)]
    Second,
}

impl Walls {
    /// Prepares a thread that asks the database.
    fn raise(self) {
        #[cfg(debug_assertions)]
        if self == Self::Second {
            crate::visible::rehearsal::take_down();
        }
    }
}

/// When and by whom a write is done.
#[derive(Clone, Debug)]
pub struct Author {
    pub actor: Actor,
    /// The instant of the request, to the microsecond.
    pub now: DateTime<Utc>,
    /// The business date.
    pub today: NaiveDate,
}

/// What is known of a request before it is run.
#[derive(Clone, Debug, Default)]
pub struct Known {
    /// By which it takes effect once.
    pub claim: Option<Claim>,
    /// What it asks about.
    pub wanted: Option<Wanted>,
}

impl Known {
    /// Whether it reads and changes rows of its organisation only: then what others of its group leave to be stored can wait.
    fn secluded(&self) -> bool {
        matches!(self.wanted, Some(Wanted::Payers(_)))
    }
}

/// The transaction lent to a write.
pub struct Tx<'c> {
    pub conn: &'c mut Conn,
    pub organisation: OrganisationId,
    pub author: Author,
    /// Reference data that was read before.
    pub shelf: &'c Shelf,
    /// What was answered to an equal request before.
    pub earlier: Option<Answer>,
    /// The answer to keep with what happened.
    pub answer: Option<Answer>,
    /// What the write was known to ask about, read beforehand with what others of its group ask about.
    pub foreseen: Option<Foreseen>,
    /// What is to be stored at the end.
    pub reserved: Reservations,
    /// The same, of any kind: nothing of the write reads what is left here.
    pub left: Effects,
}

impl<'c> Tx<'c> {
    fn new(conn: &'c mut Conn, organisation: OrganisationId, author: Author, shelf: &'c Shelf) -> Self {
        Self {
            conn,
            organisation,
            author,
            shelf,
            earlier: None,
            answer: None,
            foreseen: None,
            reserved: Reservations::default(),
            left: Effects::default(),
        }
    }

    pub fn today(&self) -> NaiveDate {
        self.author.today
    }

    pub fn now(&self) -> DateTime<Utc> {
        self.author.now
    }

    /// Tries what changes the database, and undoes it: what it is refused for is known before it is done.
    pub fn rehearse<T>(&mut self, attempt: impl FnOnce(&mut Self) -> Result<T, Fault>) -> Result<T, Fault> {
        self.conn.batch_execute("SAVEPOINT rehearsal")?;
        let tried = attempt(self);
        self.conn.batch_execute("ROLLBACK TO SAVEPOINT rehearsal; RELEASE SAVEPOINT rehearsal")?;
        tried
    }

    /// Every row of the organisation: for rules that must see what their caller may not.
    pub fn all(&self) -> Scope {
        Scope { organisation: self.organisation, clearance: Sensitivity::Sealed }
    }
}

/// What came of a write: something happened, or the answer of an earlier, equal request is given again.
pub enum Outcome<T> {
    Happened(T, Events),
    Replayed(T),
}

impl Store {
    /// Opens the database, applies migrations and guards, and starts the lanes.
    pub fn open(target: &Target, sizes: Sizes) -> Result<Self, Fault> {
        if target.is_pooled() {
            return Err(Fault::Broken(
                "a schema is migrated over a connection of its own: name PostgreSQL itself, not a pooler".to_owned(),
            ));
        }
        let mut conn = target.connect(false)?;
        require_durable(&mut conn)?;
        migrate(&mut conn)?;
        Self::start(target, sizes, conn, Walls::All)
    }

    /// Opens a database to serve from: durable, and migrated by `sigida migrate`; never changes its schema.
    pub fn open_to_serve(target: &Target, sizes: Sizes) -> Result<Self, Fault> {
        target.require_existing()?;
        let mut conn = target.connect(false)?;
        // Through a pooler, only what is asked in one transaction is asked of one server.
        conn.batch_execute("BEGIN")?;
        require_durable(&mut conn)?;
        if !is_migrated(&mut conn)? {
            return Err(Fault::Broken("the schema is not up to date: run `sigida migrate` first".to_owned()));
        }
        conn.batch_execute("COMMIT")?;
        Self::start(target, sizes, conn, Walls::All)
    }

    /// Opens a database that is already migrated, without asking how durable it is: for tests.
    pub fn open_migrated(target: &Target, sizes: Sizes) -> Result<Self, Fault> {
        let conn = target.connect(false)?;
        Self::start(target, sizes, conn, Walls::All)
    }

    /// As [`Store::open_migrated`], without the scopes of the finders: for the proof that the second wall stands by itself.
    #[cfg(debug_assertions)]
    pub fn open_without_first_wall(target: &Target, sizes: Sizes) -> Result<Self, Fault> {
        let conn = target.connect(false)?;
        Self::start(target, sizes, conn, Walls::Second)
    }

    fn start(target: &Target, sizes: Sizes, mut first: Conn, walls: Walls) -> Result<Self, Fault> {
        leave_log_to_others(&mut first)?;
        let (gate, standing) = inspect(&mut first, target.is_pooled())?;
        let engine = target.engine();
        let broken = |error: std::io::Error| Fault::Broken(error.to_string());
        let (reads, exit) = queue();
        for index in 0..sizes.readers {
            let (reader, exit) = (Reader::new(target.clone(), gate), exit.clone());
            let run = move || {
                walls.raise();
                Priority::Reader.take();
                reader.run(&exit);
            };
            std::thread::Builder::new().name(format!("reader-{index}")).spawn(run).map_err(broken)?;
        }
        let count = match engine {
            Engine::Sqlite => 1,
            Engine::Postgres => sizes.lanes.max(1),
        };
        let shelf = Arc::new(Shelf::default());
        let (mut first, mut disk) = (Some(first), None);
        let mut lanes = Vec::with_capacity(count);
        for index in 0..count {
            let (jobs, receiver) = mpsc::channel();
            let (flusher, checkpointer) = match target {
                Target::Sqlite(path) => {
                    let flusher = Flusher::start(path).map_err(broken)?;
                    let checkpointer = Checkpointer::start(target, Arc::clone(&flusher.disk), PAGES)?;
                    (Some(flusher), Some(checkpointer))
                }
                Target::Postgres(_) => (None, None),
            };
            disk = flusher.as_ref().map(|flusher| Arc::clone(&flusher.disk));
            let (target, shelf) = (target.clone(), Arc::clone(&shelf));
            let lane = Lane { target, gate, conn: first.take(), jobs: receiver, shelf, wary: 0, flusher, checkpointer };
            let run = move || {
                walls.raise();
                Priority::Lane.take();
                lane.run();
            };
            std::thread::Builder::new().name(format!("lane-{index}")).spawn(run).map_err(broken)?;
            lanes.push(Entrance { jobs, places: Arc::new(Semaphore::new(1 + sizes.writes_waiting)) });
        }
        let places = Arc::new(Semaphore::new(sizes.readers + sizes.reads_waiting));
        let inner = Inner { engine, reads, places, gathered: Gathered::default(), lanes, shelf, disk, standing };
        Ok(Self { inner: Arc::new(inner), reach: Reach::default() })
    }

    /// The same, for reads that touch these organisations. What a write touches it says itself.
    #[must_use]
    pub fn within(&self, organisations: impl IntoIterator<Item = OrganisationId>) -> Self {
        Self { inner: Arc::clone(&self.inner), reach: Reach::of(organisations) }
    }

    /// The same, for reads that the service does for itself, in all organisations.
    #[must_use]
    pub fn everywhere(&self) -> Self {
        Self { inner: Arc::clone(&self.inner), reach: Reach::Everyone }
    }

    /// Whether the second wall between organisations stands.
    pub fn second_wall(&self) -> &Standing {
        &self.inner.standing
    }

    pub fn engine(&self) -> Engine {
        self.inner.engine
    }

    /// Reads, on a connection that cannot write. Refused when too many wait for one already, or none comes free in time.
    pub async fn read<T: Send + 'static>(&self, query: impl FnOnce(&mut Conn) -> Result<T, Fault> + Send + 'static) -> Result<T, Fault> {
        let (waiting, mut read) = Waiting::new(self.reading_place()?, self.reach.clone(), query);
        let caller = Caller(waiting.clone());
        self.inner.reads.put(waiting);
        let read = match tokio::time::timeout(READ_PATIENCE, &mut read).await {
            Ok(read) => read,
            Err(_) if caller.0.take().is_some() => return Err(NO_READER),
            // It has begun.
            Err(_) => read.await,
        };
        let read = read.unwrap_or_else(|_| Err(Fault::Busy("the reader ended".to_owned())));
        self.settle().await?;
        read
    }

    /// Reads one row by its id, in one query with whoever waits for such a row of the same scope.
    pub async fn find<K: ById>(&self, scope: Scope, id: K::Id) -> Result<K::Row, Fault> {
        let place = self.reading_place()?;
        let gather = K::among(&self.inner.gathered);
        let (row, first) = gather.join(scope, id);
        let mut kept = Some(place);
        if first && let Some(place) = kept.take() {
            // Not given up when its caller goes away: others count on it.
            let (waiting, _) = Waiting::new(place, Reach::of([scope.organisation]), gather.read(scope));
            self.inner.reads.put(waiting);
        }
        let row = tokio::time::timeout(READ_PATIENCE, row).await.map_err(|_| NO_READER)?;
        drop(kept);
        self.settle().await?;
        match row {
            Ok(row) => row.ok_or(Fault::Missing),
            // Why it could not be read is found out alone.
            Err(_) => self.read(move |conn| K::find(conn, &scope, &[id])?.remove(&id).ok_or(Fault::Missing)).await,
        }
    }

    fn reading_place(&self) -> Result<OwnedSemaphorePermit, Fault> {
        let place = Arc::clone(&self.inner.places).try_acquire_owned();
        place.map_err(|_| Fault::Full("too many reads are waiting"))
    }

    /// Waits until whatever was read is on disk.
    async fn settle(&self) -> Result<(), Fault> {
        match &self.inner.disk {
            Some(disk) => disk.settle().await,
            None => Ok(()),
        }
    }

    /// Reads as a write of an organisation would, to tell what it would do.
    pub async fn rehearse<T: Send + 'static>(
        &self,
        organisation: OrganisationId,
        author: Author,
        query: impl FnOnce(&mut Tx<'_>) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, Fault> {
        let shelf = Arc::clone(&self.inner.shelf);
        self.read(move |conn| query(&mut Tx::new(conn, organisation, author, &shelf))).await
    }

    /// Writes on an organisation's data. The closure may run more than once, and returns what happened.
    pub async fn write<T: Send + 'static>(
        &self,
        organisation: OrganisationId,
        author: Author,
        job: impl Fn(&mut Tx<'_>) -> Result<Outcome<T>, Fault> + Send + 'static,
    ) -> Result<T, Fault> {
        self.write_once(organisation, author, Known::default(), job).await
    }

    /// As [`Store::write`], for a request that takes effect once: the job finds what was answered to an equal one before, or
    /// leaves its answer to be kept.
    pub async fn write_once<T: Send + 'static>(
        &self,
        organisation: OrganisationId,
        author: Author,
        known: Known,
        job: impl Fn(&mut Tx<'_>) -> Result<Outcome<T>, Fault> + Send + 'static,
    ) -> Result<T, Fault> {
        self.bring(organisation, Some(author), known, job).await
    }

    /// Housekeeping that nobody audits: the sequencer of events, one-time installation rows, the rotation of refresh tokens,
    /// the count of failed proofs of identity.
    pub async fn keep<T: Send + 'static>(&self, job: impl Fn(&mut Conn) -> Result<T, Fault> + Send + 'static) -> Result<T, Fault> {
        self.bring(OrganisationId::platform(), None, Known::default(), move |tx| job(tx.conn).map(Outcome::Replayed)).await
    }

    /// Brings a write to its lane. Refused when too many wait there already.
    async fn bring<T: Send + 'static>(
        &self,
        organisation: OrganisationId,
        author: Option<Author>,
        known: Known,
        job: impl Fn(&mut Tx<'_>) -> Result<Outcome<T>, Fault> + Send + 'static,
    ) -> Result<T, Fault> {
        let entrance = self.entrance(organisation)?;
        let place = entrance.place()?;
        let (sender, receiver) = oneshot::channel();
        entrance.take(Box::new(Work { organisation, author, known, job, result: None, place, sender: Some(sender) }))?;
        receiver.await.unwrap_or_else(|_| Err(Fault::Busy("the lane ended; whether the write stands is not known".to_owned())))
    }

    /// Refuses a write of an organisation that would find no place now, before its caller has sent all that it says.
    pub fn require_place(&self, organisation: OrganisationId) -> Result<(), Fault> {
        if self.entrance(organisation)?.places.available_permits() > 0 { Ok(()) } else { Err(Fault::Full(WRITES_FULL)) }
    }

    fn entrance(&self, organisation: OrganisationId) -> Result<&Entrance, Fault> {
        let lanes = &self.inner.lanes;
        let (high, low) = organisation.0.as_u64_pair();
        let index = usize::try_from((high ^ low) % (lanes.len() as u64)).unwrap_or(0);
        lanes.get(index).ok_or_else(|| Fault::Broken("no lane".to_owned()))
    }
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned()).or_else(|| panic.downcast_ref::<String>().cloned());
    format!("panic: {}", text.unwrap_or_default())
}
