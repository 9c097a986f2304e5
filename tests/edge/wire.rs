//! A connection of which every byte is one's own.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

/// A connection that never waits, with what came back so far.
pub struct Wire {
    stream: TcpStream,
    since: Instant,
    got: Vec<u8>,
    /// What could not be sent yet.
    unsent: Vec<u8>,
    /// After how long the other side ended it.
    pub ended: Option<Duration>,
}

impl Wire {
    pub fn open(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).expect("connected");
        stream.set_nonblocking(true).expect("never waits");
        stream.set_nodelay(true).expect("sent at once");
        Self { stream, since: Instant::now(), got: Vec::new(), unsent: Vec::new(), ended: None }
    }

    /// Sends as much as the other side takes, and keeps the rest for later.
    pub fn send(&mut self, bytes: &[u8]) {
        self.unsent.extend_from_slice(bytes);
        while !self.unsent.is_empty() && self.ended.is_none() {
            match self.stream.write(&self.unsent) {
                Ok(count) => drop(self.unsent.drain(..count)),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                // What came before the end is still read.
                Err(_) => return self.look(),
            }
        }
    }

    /// Reads what is there.
    pub fn look(&mut self) {
        let mut buffer = [0; 16 * 1024];
        while self.ended.is_none() {
            match self.stream.read(&mut buffer) {
                Ok(0) => self.ended = Some(self.since.elapsed()),
                Ok(count) => self.got.extend_from_slice(&buffer[..count]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(_) => self.ended = Some(self.since.elapsed()),
            }
        }
    }

    /// Sends and reads until something holds, or the time is over.
    pub fn wait_until(&mut self, time: Duration, holds: impl Fn(&Self) -> bool) {
        let since = Instant::now();
        while since.elapsed() < time && !holds(self) {
            self.send(&[]);
            self.look();
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Sends and reads until there is an answer and a moment after it, or the time is over.
    pub fn wait(&mut self, time: Duration) {
        self.wait_until(time, |wire| wire.ended.is_some() || wire.status().is_some());
        std::thread::sleep(Duration::from_millis(300));
        self.look();
    }

    /// How many bytes come in all, once one reads again.
    pub fn rest(&mut self) -> usize {
        let since = Instant::now();
        while since.elapsed() < Duration::from_secs(5) && self.ended.is_none() {
            self.look();
            std::thread::sleep(Duration::from_millis(10));
        }
        self.got.len()
    }

    /// The status of the first answer.
    pub fn status(&self) -> Option<u16> {
        let line = self.got.strip_prefix(b"HTTP/1.1 ")?;
        std::str::from_utf8(line.get(..3)?).ok()?.parse().ok()
    }

    /// The statuses of the answers so far.
    pub fn statuses(&self) -> Vec<u16> {
        let got = String::from_utf8_lossy(&self.got);
        got.split("HTTP/1.1 ").skip(1).filter_map(|answer| answer.get(..3)?.parse().ok()).collect()
    }
}
