//! How long is waited: a suite in which something hangs names it and ends.

use std::io::Write as _;
use std::sync::Once;
use std::time::Duration;

/// How long an answer is waited for, which is longer than the service takes for anything.
pub const ANSWER: Duration = Duration::from_secs(120);

/// How many minutes the whole suite may take, unless it is told otherwise.
const MINUTES: u64 = 45;
const MINUTES_ASKED: &str = "SIGIDA_TEST_MINUTES";

/// Ends these tests when their time is over, with the names of those that still run, as far as the system keeps names.
pub fn begin() {
    static BEGUN: Once = Once::new();
    BEGUN.call_once(|| {
        let minutes = std::env::var(MINUTES_ASKED).map_or(MINUTES, |asked| asked.parse().expect("a number of minutes"));
        std::thread::spawn(move || {
            std::thread::sleep(Duration::from_secs(minutes * 60));
            let names = names().join(", ");
            let said = format!("\n{minutes} minutes ({MINUTES_ASKED}) are over; threads that still run: {names}\n");
            // Not by a macro, whose words would be kept for a test.
            drop(std::io::stderr().write_all(said.as_bytes()));
            std::process::exit(1);
        });
    });
}

/// The names of the threads, of which tests have theirs.
fn names() -> Vec<String> {
    let threads = std::fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    let name = |thread: std::fs::DirEntry| Some(std::fs::read_to_string(thread.path().join("comm")).ok()?.trim().to_owned());
    threads.filter_map(name).collect()
}
