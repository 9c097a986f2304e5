//! Load: clients that send one request after the other over connections that stay open, as cheaply as they can, since they share the
//! machine with what they measure.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::contest::Figure;

/// Writes the next request into the buffer.
pub type Next<'a> = dyn Fn(&mut Vec<u8>) + 'a;

/// The status of what got no answer, because the service closed the connection.
pub const LOST: u16 = 0;

/// A connection, and what came over it.
struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
    filled: usize,
}

impl Connection {
    async fn open(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).await.expect("the service accepts");
        stream.set_nodelay(true).expect("a socket");
        Self { stream, buffer: vec![0; 64 * 1024], filled: 0 }
    }

    /// Reads what has come.
    async fn read(&mut self) -> io::Result<()> {
        if self.buffer.len() - self.filled < 4096 {
            self.buffer.resize(self.filled + 64 * 1024, 0);
        }
        let read = self.stream.read(&mut self.buffer[self.filled..]).await?;
        self.filled += read;
        if read > 0 { Ok(()) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
    }

    /// Sends a request and waits for its whole answer; gives its status, and looks at nothing else that costs anything to know.
    async fn ask(&mut self, request: &[u8]) -> io::Result<u16> {
        self.stream.write_all(request).await?;
        let head = loop {
            match self.buffer[..self.filled].windows(4).position(|bytes| bytes == b"\r\n\r\n") {
                Some(end) => break end + 4,
                None => self.read().await?,
            }
        };
        let text = std::str::from_utf8(&self.buffer[..head]).expect("a head");
        let status = text.get(9..12).and_then(|status| status.parse().ok()).expect("a status");
        let length = text.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().expect("a length"))
        });
        assert!(length.is_some() || matches!(status, 204 | 304), "an answer without its length: {text}");
        let whole = head + length.unwrap_or(0);
        while self.filled < whole {
            self.read().await?;
        }
        self.buffer.copy_within(whole..self.filled, 0);
        self.filled -= whole;
        Ok(status)
    }
}

async fn client(address: SocketAddr, until: Instant, next: &Next<'_>) -> Vec<(u16, u32)> {
    let mut connection = Connection::open(address).await;
    let (mut request, mut seen) = (Vec::with_capacity(2048), Vec::with_capacity(4096));
    while Instant::now() < until {
        request.clear();
        next(&mut request);
        let since = Instant::now();
        let status = connection.ask(&request).await.unwrap_or(LOST);
        seen.push((status, u32::try_from(since.elapsed().as_micros()).unwrap_or(u32::MAX)));
        if status == LOST {
            connection = Connection::open(address).await;
        }
    }
    seen
}

/// Lets so many clients ask for so long.
pub fn run(address: SocketAddr, connections: usize, lasting: Duration, next: &Next<'_>) -> Figure {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let since = Instant::now();
    let seen = runtime.block_on(futures_util::future::join_all((0..connections).map(|_| client(address, since + lasting, next))));
    let elapsed = since.elapsed();
    let mut statuses = BTreeMap::new();
    let mut latencies = Vec::new();
    for (status, latency) in seen.into_iter().flatten() {
        *statuses.entry(status).or_insert(0) += 1;
        latencies.push(latency);
    }
    latencies.sort_unstable();
    let good: u64 = statuses.iter().filter(|(status, _)| matches!(status, 200..=399)).map(|(_, count)| count).sum();
    let quantile = |of: usize| latencies.get((latencies.len() * of / 100).min(latencies.len().saturating_sub(1))).copied().unwrap_or(0);
    Figure { rate: good as f64 / elapsed.as_secs_f64(), p50: quantile(50), p99: quantile(99), statuses }
}
