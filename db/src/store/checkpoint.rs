//! The checkpointer of a SQLite database: what the log holds is copied back into the database beside the lane, which only copies what
//! was written meanwhile.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;
use diesel::sql_types::Integer;

use super::flush::Disk;
use super::priority::Priority;
use crate::connection::{Conn, Target};
use crate::fault::Fault;

/// How many pages of the log are to be copied before anybody begins. The more, the more often a page is written again before it is
/// copied and the fewer wait for the disk meanwhile; and the longer the log and a start after a crash.
pub const PAGES: i32 = 128_000;

/// How long nobody tries again after it could not be done.
const PAUSE: Duration = Duration::from_secs(1);

#[derive(QueryableByName)]
struct Log {
    #[diesel(sql_type = Integer)]
    log: i32,
    #[diesel(sql_type = Integer)]
    checkpointed: i32,
}

/// How many pages the log holds that nobody copied yet.
fn waiting(conn: &mut Conn) -> Result<i32, Fault> {
    let log: Log = diesel::sql_query("PRAGMA wal_checkpoint(NOOP)").get_result(conn)?;
    Ok(log.log - log.checkpointed)
}

/// Copies as much as can be copied now, beside who reads and writes.
fn copy(conn: &mut Conn) -> Result<(), Fault> {
    Ok(conn.batch_execute("PRAGMA wal_checkpoint(PASSIVE)")?)
}

/// What cannot be done now, on a full disk, is tried again; what cannot be done at all is a fault of the disk.
fn later(done: Result<(), Fault>) -> Result<bool, Fault> {
    match done {
        Ok(()) => Ok(true),
        Err(fault) if fault.is_busy() => {
            log::warn!("the log could not be copied back: {fault}");
            Ok(false)
        }
        Err(fault) => Err(fault),
    }
}

/// The thread that copies.
pub struct Checkpointer {
    disk: Arc<Disk>,
    /// Where it hears that something was committed.
    committed: SyncSender<()>,
    /// Most was copied: the lane copies the rest between two groups, and the log begins anew.
    most: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl Checkpointer {
    /// Copies whenever so many pages wait. Its connection stays open as long as it runs: until then the log does not go away.
    pub fn start(target: &Target, disk: Arc<Disk>, pages: i32) -> Result<Self, Fault> {
        let mut conn = target.connect_lane()?;
        let (committed, heard) = sync_channel(1);
        let most = Arc::new(AtomicBool::new(false));
        let (told, its) = (Arc::clone(&most), Arc::clone(&disk));
        let run = move || {
            Priority::Checkpointer.take();
            if let Err(fault) = run(&mut conn, pages, &heard, &told) {
                its.fail(&fault);
            }
        };
        let thread = std::thread::Builder::new().name("checkpointer".to_owned()).spawn(run);
        Ok(Self { disk, committed, most, thread: thread.map_err(|error| Fault::Broken(error.to_string()))? })
    }

    /// Between two groups of the lane.
    pub fn follow(&self, lane: &mut Conn) {
        if self.most.swap(false, Ordering::SeqCst)
            && let Err(fault) = later(copy(lane))
        {
            self.disk.fail(&fault);
        }
        // Who was told before and did not come yet comes for this as well.
        let _ = self.committed.try_send(());
    }

    pub fn end(self) {
        drop(self.committed);
        drop(self.thread.join());
    }
}

fn run(conn: &mut Conn, pages: i32, committed: &Receiver<()>, most: &AtomicBool) -> Result<(), Fault> {
    let mut copied = || {
        let begun = waiting(conn)? >= pages;
        if begun {
            // What is written during the first time is little, and less during the second.
            copy(conn)?;
            copy(conn)?;
        }
        most.fetch_or(begun, Ordering::SeqCst);
        Ok(())
    };
    while committed.recv().is_ok() {
        if !later(copied())? {
            std::thread::sleep(PAUSE);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::time::Instant;

    use super::*;

    /// What the log is told from another by: it changes when it begins anew.
    fn mark(log: &Path) -> Vec<u8> {
        std::fs::read(log).expect("a log")[16..24].to_vec()
    }

    fn lane(folder: &Path) -> (Target, Conn) {
        let target = Target::Sqlite(folder.join("lines.db"));
        let mut lane = target.connect_lane().expect("a connection");
        lane.batch_execute("CREATE TABLE lines (id integer PRIMARY KEY, text text NOT NULL)").expect("a table");
        (target, lane)
    }

    fn write(lane: &mut Conn) {
        lane.batch_execute("INSERT INTO lines (text) VALUES (hex(randomblob(700)))").expect("a line");
    }

    #[test]
    fn the_log_begins_anew_while_writes_go_on_and_nothing_is_lost() {
        let folder = tempfile::tempdir().expect("a folder");
        let (target, mut lane) = lane(folder.path());
        let log = folder.path().join("lines.db-wal");
        let checkpointer = Checkpointer::start(&target, Arc::new(Disk::new()), 40).expect("a checkpointer");
        let (mut lines, mut anew, mut last, since) = (0_i64, 0, mark(&log), Instant::now());
        while anew < 3 && since.elapsed() < Duration::from_secs(60) {
            write(&mut lane);
            checkpointer.follow(&mut lane);
            lines += 1;
            let now = mark(&log);
            anew += i32::from(now != last);
            last = now;
        }
        checkpointer.end();
        drop(lane);
        let mut again = target.connect(true).expect("a connection");
        let kept: i64 =
            diesel::dsl::sql::<diesel::sql_types::BigInt>("SELECT count(*) FROM lines").get_result(&mut again).expect("a count");
        assert_eq!((anew, kept), (3, lines));
    }

    #[test]
    fn with_nobody_who_copies_the_log_only_grows() {
        let folder = tempfile::tempdir().expect("a folder");
        let (_, mut lane) = lane(folder.path());
        let log = folder.path().join("lines.db-wal");
        let first = mark(&log);
        (0..2_000).for_each(|_| write(&mut lane));
        assert_eq!(mark(&log), first);
        assert!(std::fs::metadata(&log).expect("a log").len() > 4 << 20);
    }
}
