//! The flusher of a SQLite database: a group is answered when it is on disk, while the next one runs already.
//!
//! The lane commits without waiting for the disk. The flusher then flushes the log once for all that was committed since, and only after
//! that anybody is told: those who wrote, and those who read what may not be on disk yet.

use std::fmt::Display;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;

use tokio::sync::watch;

use super::lane::{Job, Lost};
use crate::fault::Fault;

/// How far a lane came, and the disk after it.
pub struct Disk {
    /// Commits that were begun: what can be seen is one of them.
    begun: AtomicU64,
    flushed: watch::Sender<Flushed>,
}

#[derive(Clone, Copy)]
enum Flushed {
    UpTo(u64),
    /// What the disk holds is not known.
    Failed,
}

impl Flushed {
    fn reaches(self, commit: u64) -> bool {
        match self {
            Self::UpTo(flushed) => flushed >= commit,
            Self::Failed => false,
        }
    }
}

const FAILED: &str = "the disk failed; whether the last writes stand is not known before the service starts anew";

impl Disk {
    pub fn new() -> Self {
        Self { begun: AtomicU64::new(0), flushed: watch::Sender::new(Flushed::UpTo(0)) }
    }

    pub fn begin_commit(&self) {
        self.begun.fetch_add(1, Ordering::SeqCst);
    }

    /// Says that what the disk holds is not known any more. That stays so.
    pub fn fail(&self, why: &dyn Display) {
        log::error!("{FAILED}: {why}");
        self.flushed.send_replace(Flushed::Failed);
    }

    /// Says how far it holds all. What failed once stays failed.
    fn reach(&self, commit: u64) -> Result<(), Lost> {
        let reached = self.flushed.send_if_modified(|flushed| {
            let going = !matches!(flushed, Flushed::Failed);
            if going {
                *flushed = Flushed::UpTo(commit);
            }
            going
        });
        if reached { Ok(()) } else { Err(Lost::ForGood(FAILED.to_owned())) }
    }

    /// Waits until all that can have been seen is on disk.
    pub async fn settle(&self) -> Result<(), Fault> {
        let seen = self.begun.load(Ordering::SeqCst);
        if self.flushed.borrow().reaches(seen) {
            return Ok(());
        }
        let mut progress = self.flushed.subscribe();
        let reached = progress.wait_for(|flushed| flushed.reaches(seen) || matches!(flushed, Flushed::Failed)).await;
        match reached.map(|flushed| *flushed) {
            Ok(Flushed::UpTo(_)) => Ok(()),
            Ok(Flushed::Failed) | Err(_) => Err(Fault::Broken(FAILED.to_owned())),
        }
    }
}

/// A group that ran, and is answered once all that was begun before its end is on disk.
struct Waiting {
    begun: u64,
    group: Vec<Box<dyn Job>>,
    committed: Result<(), Lost>,
}

impl Waiting {
    fn answer(self) {
        for job in self.group {
            job.answer(self.committed.clone());
        }
    }
}

/// The thread that flushes after a lane.
pub struct Flusher {
    pub disk: Arc<Disk>,
    groups: Sender<Waiting>,
    thread: JoinHandle<()>,
}

impl Flusher {
    /// Flushes the log of a database whose connections do not.
    pub fn start(database: &Path) -> std::io::Result<Self> {
        // The log lies beside the file itself, not beside a link to it.
        let mut log = database.canonicalize()?.into_os_string();
        log.push("-wal");
        let disk = Arc::new(Disk::new());
        let (groups, queue) = channel();
        let after = Arc::clone(&disk);
        let thread = std::thread::Builder::new().name("flusher".to_owned()).spawn(move || run(&after, &PathBuf::from(log), &queue))?;
        Ok(Self { disk, groups, thread })
    }

    /// Answers a group when it is on disk. Says whether more can be.
    pub fn take(&self, group: Vec<Box<dyn Job>>, committed: Result<(), Lost>) -> bool {
        let waiting = Waiting { begun: self.disk.begun.load(Ordering::SeqCst), group, committed };
        let refused = self.groups.send(waiting).err();
        let going = refused.is_none();
        if let Some(refused) = refused {
            Waiting { committed: Err(Lost::ForGood(FAILED.to_owned())), ..refused.0 }.answer();
        }
        going
    }

    /// Waits for the last flush: until then the log must not go away.
    pub fn end(self) {
        drop(self.groups);
        drop(self.thread.join());
    }
}

fn run(disk: &Disk, path: &Path, queue: &Receiver<Waiting>) {
    // Opened once: whoever opens a file after another heard that it failed does not hear of it.
    let mut log = None;
    let mut flushed = 0;
    while let Ok(first) = queue.recv() {
        let mut groups = vec![first];
        groups.extend(queue.try_iter());
        let begun = groups.last().map_or(flushed, |last| last.begun);
        if begun > flushed {
            if let Err(error) = flush(&mut log, path) {
                disk.fail(&error);
            }
            if let Err(lost) = disk.reach(begun) {
                // A flush that failed once tells nothing when it is tried again.
                for waiting in groups {
                    Waiting { committed: Err(lost.clone()), ..waiting }.answer();
                }
                return;
            }
            flushed = begun;
        }
        groups.into_iter().for_each(Waiting::answer);
    }
}

fn flush(log: &mut Option<File>, path: &Path) -> std::io::Result<()> {
    let log = match log {
        Some(log) => log,
        None => log.insert(File::open(path)?),
    };
    log.sync_data()
}
