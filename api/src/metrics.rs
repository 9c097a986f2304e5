//! What is told to those who watch over the service: how many requests were answered how, and how long it took.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::RETRY_AFTER;
use actix_web::middleware::Next;
use actix_web::{HttpMessage as _, HttpResponse, web};
use prometheus::{Encoder as _, HistogramOpts, HistogramVec, IntCounterVec, Opts, Registry, TextEncoder};

use crate::problem::{Problem, SERVICE_BROKEN};
use crate::route::Found;

/// The label of what is no operation.
const NONE: &str = "none";

/// The figures of a service since its start.
pub struct Metrics {
    registry: Registry,
    requests: IntCounterVec,
    seconds: HistogramVec,
    since: Instant,
    sent_away: SentAway,
}

/// Of requests that are sent away for now, the log tells one in each second: who floods the service does not fill the log too.
#[derive(Default)]
struct SentAway {
    told_at: AtomicU64,
    untold: AtomicU64,
}

impl SentAway {
    /// How many were not told since the last that was, if this one is to be.
    fn tell(&self, second: u64) -> Option<u64> {
        if self.told_at.swap(second, Ordering::Relaxed) == second {
            self.untold.fetch_add(1, Ordering::Relaxed);
            return None;
        }
        Some(self.untold.swap(0, Ordering::Relaxed))
    }
}

/// Tells operators of what the service could not do.
pub fn tell<B>(response: &ServiceResponse<B>, path: &str, id: &str) {
    let (request, status) = (response.request(), response.status());
    if !status.is_server_error() {
        return;
    }
    let (method, status) = (request.method(), status.as_u16());
    // Whoever is sent away for now is told when to come again.
    let metrics = request.app_data::<web::Data<Metrics>>().filter(|_| response.headers().contains_key(RETRY_AFTER));
    match metrics.map(|metrics| metrics.sent_away.tell(metrics.since.elapsed().as_secs() + 1)) {
        None | Some(Some(0)) => log::warn!("{method} {path:?} answered {status}; request {id}"),
        Some(Some(more)) => log::warn!("{method} {path:?} answered {status}, and {more} before it; request {id}"),
        Some(None) => {}
    }
}

impl Metrics {
    pub fn new() -> Result<Self, prometheus::Error> {
        let requests = Opts::new("sigida_http_requests_total", "Answered requests, by operation and status");
        let seconds = HistogramOpts::new("sigida_http_request_duration_seconds", "Time until the head of an answer, by operation");
        let metrics = Self {
            registry: Registry::new(),
            requests: IntCounterVec::new(requests, &["operation", "status"])?,
            seconds: HistogramVec::new(seconds, &["operation"])?,
            since: Instant::now(),
            sent_away: SentAway::default(),
        };
        metrics.registry.register(Box::new(metrics.requests.clone()))?;
        metrics.registry.register(Box::new(metrics.seconds.clone()))?;
        Ok(metrics)
    }

    fn count(&self, operation: &str, status: u16, since: Instant) {
        self.requests.with_label_values(&[operation, &status.to_string()]).inc();
        self.seconds.with_label_values(&[operation]).observe(since.elapsed().as_secs_f64());
    }
}

/// Counts every answer.
pub async fn measure(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<impl MessageBody>, actix_web::Error> {
    let since = Instant::now();
    let metrics = request.app_data::<web::Data<Metrics>>().cloned();
    let answered = next.call(request).await;
    let found = answered.as_ref().ok().and_then(|answer| answer.request().extensions().get::<Found>().copied());
    let status = answered.as_ref().map_or_else(|error| error.as_response_error().status_code(), |answer| answer.status());
    if let Some(metrics) = metrics {
        metrics.count(found.map_or(NONE, |found| found.0.id), status.as_u16(), since);
    }
    answered
}

/// The figures as Prometheus reads them.
pub async fn read_metrics(metrics: web::Data<Metrics>) -> Result<HttpResponse, Problem> {
    let mut text = Vec::new();
    TextEncoder::new().encode(&metrics.registry.gather(), &mut text).map_err(|_| Problem::from(&SERVICE_BROKEN))?;
    Ok(HttpResponse::Ok().content_type("text/plain; version=0.0.4").body(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_those_sent_away_in_a_second_one_is_told_and_the_next_tells_how_many_more_there_were() {
        let sent_away = SentAway::default();
        let told: Vec<Option<u64>> = [10, 10, 10, 11, 12, 12].map(|second| sent_away.tell(second)).into();
        assert_eq!(told, [Some(0), None, None, Some(2), Some(0), None]);
    }
}
