//! Connections that send, but never a whole request. The HTTP library times the first head of a connection only, and reads
//! on without end what is left of a body that nobody wants: this stops listening to both.

use std::net::Shutdown;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use actix_web::dev::Extensions;
use actix_web::rt;
use socket2::SockRef;
use tokio::task::JoinHandle;

use crate::limit::IDLE_MAX;

/// Since when a connection has no request in hand; nothing while it has one.
#[derive(Clone)]
pub struct Idle(Arc<Mutex<Option<Instant>>>);

/// Watches over a connection for as long as it lasts.
struct Watch(JoinHandle<()>);

impl Drop for Watch {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// A request in hand.
pub struct InHand(Idle);

impl Drop for InHand {
    fn drop(&mut self) {
        self.0.set(Some(Instant::now()));
    }
}

impl Idle {
    fn set(&self, since: Option<Instant>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = since;
    }

    fn since(&self) -> Option<Instant> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Until what is given goes away, the connection is not idle.
    pub fn begin(&self) -> InHand {
        self.set(None);
        InHand(self.clone())
    }
}

/// Begins to watch over a new connection.
pub fn watch(connection: &dyn std::any::Any, kept: &mut Extensions) {
    let Some(stream) = connection.downcast_ref::<rt::net::TcpStream>() else { return };
    let socket = SockRef::from(stream);
    #[cfg(target_os = "linux")]
    if let Err(error) = socket.set_tcp_user_timeout(Some(crate::limit::UNREAD_MAX)) {
        log::warn!("a connection is not timed: {error}");
    }
    let Ok(socket) = socket.try_clone() else { return };
    let idle = Idle(Arc::new(Mutex::new(Some(Instant::now()))));
    let watched = idle.clone();
    let task = rt::spawn(async move {
        loop {
            let spent = watched.since().map_or_else(Default::default, |since| since.elapsed());
            let Some(left) = IDLE_MAX.checked_sub(spent).filter(|left| !left.is_zero()) else { break };
            tokio::time::sleep(left).await;
        }
        // What is still being sent to the client goes out; the library closes the connection then.
        drop(socket.shutdown(Shutdown::Read));
    });
    kept.insert(idle);
    kept.insert(Watch(task));
}
