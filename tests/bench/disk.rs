//! The disk: how often it can flush, and how it is made as slow as a town hall's.

use std::io::Write as _;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use crate::contest::Figure;
use crate::library::library;

/// Builds the library that adds 5 ms to each fsync of a program into which it is preloaded.
pub fn slow_down(folder: &Path) -> PathBuf {
    library("bench/slow_disk.c", folder)
}

/// The argument with which this program only flushes, for so many seconds.
pub const FLUSH: &str = "--flush";

/// Writes 8 KiB and flushes them, again and again; prints how often in a second. Runs in a process of its own, so that the disk can be
/// slowed down for it.
pub fn flush(folder: &Path, seconds: f64) {
    let file = tempfile::NamedTempFile::new_in(folder).expect("a file");
    file.as_file().write_all(&[1; 1 << 20]).expect("written");
    file.as_file().sync_all().expect("flushed");
    let (since, block) = (Instant::now(), [7; 8192]);
    let mut count = 0_u64;
    while since.elapsed().as_secs_f64() < seconds {
        file.as_file().write_all_at(&block, (count % 128) * 8192).expect("written");
        file.as_file().sync_data().expect("flushed");
        count += 1;
    }
    println!("{}", count as f64 / since.elapsed().as_secs_f64());
}

/// The rate at which the disk flushes.
pub fn flushes(slowed_by: Option<&Path>, lasting: Duration) -> Figure {
    let mut run = Command::new(std::env::current_exe().expect("this program"));
    run.arg(FLUSH).arg(lasting.as_secs_f64().to_string());
    if let Some(library) = slowed_by {
        run.env("LD_PRELOAD", library);
    }
    let output = run.output().expect("this program runs");
    Figure::of_rate(String::from_utf8_lossy(&output.stdout).trim().parse().expect("a rate"))
}
