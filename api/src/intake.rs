//! Large bodies: read as they arrive, apart from other requests, and never held whole.

use std::io::Read;
use std::pin::Pin;
use std::sync::Arc;

use actix_web::dev::Payload;
use actix_web::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use actix_web::web::Bytes;
use actix_web::{FromRequest, HttpRequest, web};
use futures_util::StreamExt as _;
use futures_util::future::join;
use sha2::{Digest, Sha256};
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tokio::time::timeout;

use crate::auth::Call;
use crate::body::Asked;
use crate::limit::{INTAKE_DEADLINE, INTAKE_MAX, SILENCE_MAX};
use crate::problem::{BODY_TOO_LARGE, MEDIA_TYPE_UNSUPPORTED, Problem, REQUEST_BODY_INVALID, SERVICE_BROKEN, SERVICE_BUSY};

/// How many pieces of a body wait to be read; no more is taken from the sender meanwhile.
const PIECES_WAITING: usize = 16;
/// How long whoever finds no place is told to wait, in seconds.
const PATIENCE: i64 = 5;

/// A request with a large body of CSV that has not been read. It holds one of the few places for such.
pub struct Intake {
    pub call: Call,
    payload: Payload,
    place: OwnedSemaphorePermit,
}

/// What was made of a large body.
pub struct Taken<T> {
    pub what: T,
    /// SHA-256 of its bytes.
    pub sha256: [u8; 32],
    /// Held until what was made of it is let go.
    _place: OwnedSemaphorePermit,
}

impl<T> Taken<T> {
    /// The same with what is made further of it, unless that is refused.
    pub fn try_map<U, E>(self, further: impl FnOnce(T) -> Result<U, E>) -> Result<Taken<U>, E> {
        Ok(Taken { what: further(self.what)?, sha256: self.sha256, _place: self._place })
    }
}

impl FromRequest for Intake {
    type Error = Problem;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Problem>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let call = Call::from_request(request, payload);
        let header = |name| request.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or("");
        let is_csv = header(CONTENT_TYPE).split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case("text/csv"));
        let length = header(CONTENT_LENGTH).parse::<usize>().unwrap_or(0);
        let payload = payload.take();
        Box::pin(async move {
            let call = call.await?;
            if !is_csv {
                return Err(MEDIA_TYPE_UNSUPPORTED.refuse().with("accepted", "text/csv").into());
            }
            if length > INTAKE_MAX {
                return Err(too_large());
            }
            let place = Arc::clone(&call.desk.intakes).try_acquire_owned();
            let place = place.map_err(|_| SERVICE_BUSY.refuse().with("retry_after", PATIENCE))?;
            Ok(Self { call, payload, place })
        })
    }
}

fn too_large() -> Problem {
    BODY_TOO_LARGE.refuse().with("limit", INTAKE_MAX).into()
}

impl Intake {
    /// Reads the body by blocking work, while it arrives.
    pub async fn read<T: Send + 'static>(
        mut self,
        work: impl FnOnce(&mut Arriving) -> Result<T, Problem> + Send + 'static,
    ) -> Result<Asked<Taken<T>>, Problem> {
        let (sender, pieces) = mpsc::channel(PIECES_WAITING);
        let reading = web::block(move || {
            let mut arriving = Arriving { pieces, piece: Bytes::new(), hash: Sha256::new() };
            work(&mut arriving).map(|what| (what, arriving.hash.finalize().into()))
        });
        let slow = |_| Problem::unreadable(&REQUEST_BODY_INVALID, "", "the body took too long");
        let arrival = timeout(INTAKE_DEADLINE, forward(&mut self.payload, sender));
        let (arrived, read) = join(arrival, reading).await;
        arrived.map_err(slow)??;
        let (what, sha256): (T, [u8; 32]) = read.map_err(|_| Problem::from(&SERVICE_BROKEN))??;
        let fingerprint = Sha256::new().chain_update(self.call.target.as_bytes()).chain_update([0]).chain_update(sha256).finalize().into();
        Ok(Asked { call: self.call, body: Taken { what, sha256, _place: self.place }, fingerprint })
    }
}

/// Passes on what arrives, until nobody wants more.
async fn forward(payload: &mut Payload, pieces: mpsc::Sender<Bytes>) -> Result<(), Problem> {
    let slow = |_| Problem::unreadable(&REQUEST_BODY_INVALID, "", "nothing of the body came for too long");
    let mut left = INTAKE_MAX;
    while let Some(piece) = timeout(SILENCE_MAX, payload.next()).await.map_err(slow)? {
        let piece = piece.map_err(|_| Problem::unreadable(&REQUEST_BODY_INVALID, "", "the body was cut off"))?;
        left = left.checked_sub(piece.len()).ok_or_else(too_large)?;
        if pieces.send(piece).await.is_err() {
            break;
        }
    }
    Ok(())
}

/// A body as it arrives. It ends as well where it is cut off: what was read of it counts only if all of it came.
pub struct Arriving {
    pieces: mpsc::Receiver<Bytes>,
    piece: Bytes,
    hash: Sha256,
}

impl Read for Arriving {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        while self.piece.is_empty() {
            let Some(piece) = self.pieces.blocking_recv() else { return Ok(0) };
            self.hash.update(&piece);
            self.piece = piece;
        }
        let read = self.piece.as_ref().read(buffer)?;
        drop(self.piece.split_to(read));
        Ok(read)
    }
}
