//! What is told to those who watch over the service: how many requests were answered how, and how long it took.

use std::time::Instant;

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
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
}

impl Metrics {
    pub fn new() -> Result<Self, prometheus::Error> {
        let requests = Opts::new("sigida_http_requests_total", "Answered requests, by operation and status");
        let seconds = HistogramOpts::new("sigida_http_request_duration_seconds", "Time until the head of an answer, by operation");
        let metrics = Self {
            registry: Registry::new(),
            requests: IntCounterVec::new(requests, &["operation", "status"])?,
            seconds: HistogramVec::new(seconds, &["operation"])?,
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
