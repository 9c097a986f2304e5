//! Lanes: threads that take what waits and run it in one transaction.

use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::Receiver;

use chrono::{DateTime, NaiveDate};
use diesel::connection::SimpleConnection;
use domain::audit::Actor;
use domain::id::OrganisationId;
use tokio::sync::{OwnedSemaphorePermit, oneshot};

use super::checkpoint::Checkpointer;
use super::flush::Flusher;
use super::foresight::{Foresight, Wanted};
use super::{Author, Known, Outcome, Tx, panic_text};
use crate::audit::Claim;
use crate::audit::log::Log;
use crate::connection::{Conn, Target, Use};
use crate::effect::Effects;
use crate::expenditure::reservation::Reservations;
use crate::fault::Fault;
use crate::shelf::Shelf;
use crate::wall::{Gate, Reach, naming, turn};

/// The most jobs that share one transaction.
const GROUP_MAX: usize = 512;
/// How often a group that met a deadlock is run again.
const ATTEMPTS: usize = 3;
/// How many groups keep their jobs apart after one in which a job was refused: refusals seldom come alone.
const WARY: usize = 32;

/// A write that waits for its lane.
pub trait Job: Send {
    fn organisation(&self) -> OrganisationId;
    /// Whether it is audited: then the organisation's head is locked before it runs.
    fn is_audited(&self) -> bool;
    fn known(&self) -> &Known;
    /// Does the work, and keeps the result until the commit. `Err` asks for all that it did to be undone.
    fn run(&mut self, conn: &mut Conn, shelf: &Shelf, group: &mut Group, how: How) -> Result<(), Retry>;
    /// Answers the caller, after the commit succeeded or failed.
    fn answer(self: Box<Self>, committed: Result<(), Lost>);
}

/// How a lane runs the jobs of a group.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum How {
    /// What happened is stored at the end, for all.
    Together,
    /// Each is stored, or undone, by itself.
    Apart,
}

/// Why a whole group came to nothing.
#[derive(Clone)]
pub enum Lost {
    /// It may be asked for again; or whether it stands is not known.
    ForNow(String),
    /// The program or its database is broken.
    ForGood(String),
}

/// Why a job is undone.
pub enum Retry {
    /// The job alone is refused.
    No,
    /// The whole group must run again: the engine chose it as the victim of a deadlock, or the connection is gone.
    Group(String),
}

/// A write, and who waits for what comes of it.
pub struct Work<T, F> {
    pub organisation: OrganisationId,
    /// Nobody: housekeeping.
    pub author: Option<Author>,
    pub known: Known,
    pub job: F,
    pub result: Option<Result<T, Fault>>,
    /// Where it waits and is done.
    pub place: OwnedSemaphorePermit,
    pub sender: Option<oneshot::Sender<Result<T, Fault>>>,
}

impl<T, F> Work<T, F>
where
    F: Fn(&mut Tx<'_>) -> Result<Outcome<T>, Fault>,
{
    fn attempt(&self, conn: &mut Conn, shelf: &Shelf, group: &mut Group) -> Result<T, Fault> {
        let Some(author) = self.author.clone() else {
            let author = Author { actor: Actor::system(), now: DateTime::UNIX_EPOCH, today: NaiveDate::MIN };
            return match (self.job)(&mut Tx::new(conn, self.organisation, author, shelf))? {
                Outcome::Happened(value, _) | Outcome::Replayed(value) => Ok(value),
            };
        };
        if !group.log.knows(self.organisation) {
            return Err(Fault::Missing);
        }
        let claim = &self.known.claim;
        let mut tx = Tx::new(conn, self.organisation, author, shelf);
        tx.earlier = claim.as_ref().map(|claim| group.log.answer_to(claim)).transpose()?.flatten();
        tx.foreseen = self.known.wanted.as_ref().and_then(|wanted| group.foresight.take(wanted));
        match (self.job)(&mut tx)? {
            Outcome::Replayed(value) => Ok(value),
            Outcome::Happened(value, events) => {
                let answered = claim.clone().zip(tx.answer.take());
                group.log.append(self.organisation, &tx.author, &events, answered)?;
                group.reserve(tx.reserved);
                group.leave(self.organisation, tx.left)?;
                Ok(value)
            }
        }
    }
}

impl<T, F> Job for Work<T, F>
where
    T: Send,
    F: Fn(&mut Tx<'_>) -> Result<Outcome<T>, Fault> + Send,
{
    fn organisation(&self) -> OrganisationId {
        self.organisation
    }

    fn is_audited(&self) -> bool {
        self.author.is_some()
    }

    fn known(&self) -> &Known {
        &self.known
    }

    fn run(&mut self, conn: &mut Conn, shelf: &Shelf, group: &mut Group, how: How) -> Result<(), Retry> {
        let attempt = catch_unwind(AssertUnwindSafe(|| {
            let value = self.attempt(conn, shelf, group)?;
            if how == How::Apart {
                group.store(conn)?;
            }
            Ok(value)
        }));
        let result = attempt.unwrap_or_else(|panic| Err(Fault::Broken(panic_text(panic.as_ref()))));
        let verdict = match &result {
            Ok(_) => Ok(()),
            Err(Fault::Busy(why)) => Err(Retry::Group(why.clone())),
            Err(_) => Err(Retry::No),
        };
        self.result = Some(result);
        verdict
    }

    fn answer(self: Box<Self>, committed: Result<(), Lost>) {
        let Self { job, result, place, sender, .. } = *self;
        let result = match (result, committed) {
            (Some(result), Ok(())) => result,
            (Some(Err(fault)), Err(_)) if !fault.is_busy() => Err(fault),
            (_, Err(Lost::ForNow(why))) => Err(Fault::Busy(why)),
            (_, Err(Lost::ForGood(why))) => Err(Fault::Broken(why)),
            (None, Ok(())) => Err(Fault::Broken("a job was not run".to_owned())),
        };
        // What the work held is free when its caller hears of it.
        drop((job, place));
        if let Some(sender) = sender {
            // The caller may have gone away; the write stands all the same.
            drop(sender.send(result));
        }
    }
}

pub struct Lane {
    pub target: Target,
    pub gate: Gate,
    pub conn: Option<Conn>,
    pub jobs: Receiver<Box<dyn Job>>,
    pub shelf: Arc<Shelf>,
    /// How many groups are still to keep their jobs apart.
    pub wary: usize,
    /// Who flushes after it; nobody where the engine does.
    pub flusher: Option<Flusher>,
    /// Who copies back what was logged; nobody where the engine does.
    pub checkpointer: Option<Checkpointer>,
}

impl Lane {
    pub fn run(mut self) {
        while let Ok(first) = self.jobs.recv() {
            let mut group = vec![first];
            while group.len() < GROUP_MAX {
                match self.jobs.try_recv() {
                    Ok(job) => group.push(job),
                    Err(_) => break,
                }
            }
            let committed = self.commit(&mut group);
            let Some(flusher) = &self.flusher else {
                group.into_iter().for_each(|job| job.answer(committed.clone()));
                continue;
            };
            if !flusher.take(group, committed) {
                break;
            }
            if let (Some(checkpointer), Some(conn)) = (&self.checkpointer, &mut self.conn) {
                checkpointer.follow(conn);
            }
        }
        if let Some(flusher) = self.flusher.take() {
            flusher.end();
        }
        if let Some(checkpointer) = self.checkpointer.take() {
            checkpointer.end();
        }
    }

    fn commit(&mut self, group: &mut [Box<dyn Job>]) -> Result<(), Lost> {
        let mut last = String::new();
        let mut failures = 0;
        while failures < ATTEMPTS {
            let mut conn = match self.conn.take() {
                Some(conn) => conn,
                None => self.target.connect_lane().map_err(|fault| Lost::ForNow(fault.to_string()))?,
            };
            let how = if self.wary > 0 { How::Apart } else { How::Together };
            let failure = match attempt(&mut conn, self.gate, group, &self.shelf, how, self.flusher.as_ref()) {
                Ok(()) => {
                    self.wary = self.wary.saturating_sub(1);
                    self.conn = Some(conn);
                    return Ok(());
                }
                Err(failure) => failure,
            };
            // Whether a failed COMMIT took effect is not known: never run it again, and start from a new connection.
            if let Failure::Commit(why) = failure {
                return Err(Lost::ForNow(why));
            }
            if conn.batch_execute("ROLLBACK").is_ok() {
                self.conn = Some(conn);
            }
            match failure {
                Failure::Refused if group.len() == 1 => return Ok(()),
                Failure::Broken(why) => return Err(Lost::ForGood(why)),
                Failure::Refused => self.wary = WARY,
                Failure::Storing(_) if how == How::Together => self.wary = WARY,
                Failure::Storing(why) | Failure::Before(why) | Failure::Commit(why) => {
                    failures += 1;
                    last = why;
                }
            }
        }
        Err(Lost::ForNow(last))
    }
}

/// Why a group did not come to its end.
enum Failure {
    /// A job was refused, and those before it are not kept apart from it.
    Refused,
    /// What is stored for all at once could not be.
    Storing(String),
    Before(String),
    /// What all need could not be read.
    Broken(String),
    Commit(String),
}

fn attempt(
    conn: &mut Conn,
    gate: Gate,
    group: &mut [Box<dyn Job>],
    shelf: &Shelf,
    how: How,
    flusher: Option<&Flusher>,
) -> Result<(), Failure> {
    let before = |error: diesel::result::Error| Failure::Before(error.to_string());
    let apart = how == How::Apart;
    let organisations: Vec<OrganisationId> = group.iter().map(|job| job.organisation()).collect();
    // What all need at the beginning is read for all; so is what they do, where nothing keeps them apart.
    let begin = match &conn {
        Conn::Sqlite(_) => "BEGIN IMMEDIATE".to_owned(),
        Conn::Pg(_) => {
            let claimants = group.iter().filter_map(|job| job.known().claim.as_ref()).map(|claim| claim.principal);
            gate.begin(Use::Writes, &Reach::of(organisations.iter().copied())) + &naming(claimants)
        }
    };
    // Apart, one trip opens a savepoint and ends the one before; the commit ends the last.
    conn.batch_execute(&if apart { begin + "; SAVEPOINT job" } else { begin }).map_err(before)?;
    let mut together = Group::open(conn, group, how).map_err(|fault| match fault {
        Fault::Busy(why) => Failure::Before(why),
        fault => Failure::Broken(fault.to_string()),
    })?;
    for (index, job) in group.iter_mut().enumerate() {
        together.make_way(conn, job.as_ref()).map_err(Failure::of_storing)?;
        let done = job.run(conn, shelf, &mut together, how);
        // The next of those that are kept apart reaches its own organisation only.
        let next = match (&conn, organisations.get(index + 1)) {
            (Conn::Pg(_), Some(next)) => turn(&Reach::of([*next])) + "; ",
            _ => String::new(),
        };
        match done {
            Ok(()) if apart => conn.batch_execute(&format!("RELEASE SAVEPOINT job; {next}SAVEPOINT job")).map_err(before)?,
            Ok(()) => {}
            Err(Retry::No) if apart => {
                together.forget();
                conn.batch_execute(&format!("ROLLBACK TO SAVEPOINT job; RELEASE SAVEPOINT job; {next}SAVEPOINT job")).map_err(before)?;
            }
            Err(Retry::No) => return Err(Failure::Refused),
            Err(Retry::Group(why)) => return Err(Failure::Before(why)),
        }
    }
    together.store(conn).map_err(Failure::of_storing)?;
    if let Some(flusher) = flusher {
        flusher.disk.begin_commit();
    }
    conn.batch_execute("COMMIT").map_err(|error| Failure::Commit(error.to_string()))
}

impl Failure {
    fn of_storing(fault: Fault) -> Self {
        match fault {
            Fault::Busy(why) => Failure::Before(why),
            fault => Failure::Storing(fault.to_string()),
        }
    }
}

/// What the jobs of a group have in common: what is read for all when it begins, and stored for all when it ends.
pub struct Group {
    log: Log,
    foresight: Foresight,
    reserved: Reservations,
    left: Effects,
    /// Whose rows are among what is left to be stored.
    touched: HashSet<OrganisationId>,
}

impl Group {
    fn open(conn: &mut Conn, jobs: &[Box<dyn Job>], how: How) -> Result<Self, Fault> {
        let organisations = jobs.iter().filter(|job| job.is_audited()).map(|job| job.organisation()).collect();
        let claims: Vec<&Claim> = jobs.iter().filter_map(|job| job.known().claim.as_ref()).collect();
        let log = Log::open(conn, &organisations, &claims)?;
        let mut group = Self {
            log,
            foresight: Foresight::default(),
            reserved: Reservations::default(),
            left: Effects::default(),
            touched: HashSet::new(),
        };
        if how == How::Together && matches!(conn, Conn::Pg(_)) && jobs.len() > 1 {
            let wanted: HashSet<Wanted> = jobs.iter().filter_map(|job| job.known().wanted).collect();
            if !wanted.is_empty() {
                group.foresight = Foresight::read(conn, wanted)?;
            }
        }
        Ok(group)
    }

    /// Before a job that reads for itself, what is reserved or left is stored, and what it may make untrue is forgotten.
    fn make_way(&mut self, conn: &mut Conn, job: &dyn Job) -> Result<(), Fault> {
        let (known, organisation) = (job.known(), job.organisation());
        if known.wanted.is_some_and(|wanted| self.foresight.knows(&wanted)) {
            return Ok(());
        }
        self.reserved.store(conn)?;
        if !known.secluded() {
            self.foresight.clear();
            return self.store_left(conn);
        }
        self.foresight.forget(organisation);
        if self.touched.contains(&organisation) { self.store_left(conn) } else { Ok(()) }
    }

    /// Takes what a job left to be stored.
    fn leave(&mut self, organisation: OrganisationId, left: Effects) -> Result<(), Fault> {
        if left.is_empty() {
            return Ok(());
        }
        self.touched.insert(organisation);
        self.left.append(left)
    }

    fn store_left(&mut self, conn: &mut Conn) -> Result<(), Fault> {
        self.touched.clear();
        self.left.store(conn)
    }

    /// Takes what a job reserved, which the jobs after it are judged by.
    fn reserve(&mut self, reserved: Reservations) {
        for moved in reserved.moves() {
            self.foresight.follow(moved);
        }
        self.reserved.append(reserved);
    }

    fn store(&mut self, conn: &mut Conn) -> Result<(), Fault> {
        self.reserved.store(conn)?;
        self.store_left(conn)?;
        self.log.store(conn)
    }

    /// Forgets what was added and is not stored.
    fn forget(&mut self) {
        self.log.forget();
        self.reserved = Reservations::default();
        self.left = Effects::default();
        self.touched.clear();
    }
}
