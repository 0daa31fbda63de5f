//! Requests, counted and timed, and what Prometheus is told: `GET /metrics`.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::header::CONTENT_TYPE;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use headwater_base::clock::{Clock, SystemClock};

use crate::metrics::{self, Family, Kind, Sample};
use crate::node::Node;

/// Upper bounds of the histogram's buckets, seconds.
const BOUNDS: [f64; 12] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0];

/// Paths as they are told of: what a client chose in them is left out.
const PATHS: [(&str, &str); 8] = [
    ("/v1/sql", "/v1/sql"),
    ("/v1/plan", "/v1/plan"),
    ("/v1/streams/", "/v1/streams/{name}"),
    ("/v1/tables/", "/v1/tables/{view}/{key}"),
    ("/v1/queries/", "/v1/queries/{id}"),
    ("/v1/openapi.json", "/v1/openapi.json"),
    ("/health", "/health"),
    ("/metrics", "/metrics"),
];

/// Clones are the same.
#[derive(Clone)]
pub struct Requests {
    clock: Arc<dyn Clock>,
    inner: Arc<Mutex<Inner>>,
}

#[derive(Default)]
struct Inner {
    /// By method, path and status.
    counts: BTreeMap<(&'static str, &'static str, u16), u64>,
    /// By method and path.
    times: BTreeMap<(&'static str, &'static str), Times>,
}

#[derive(Default)]
struct Times {
    /// By bucket, each for itself; the last is for what is above all bounds.
    counts: [u64; BOUNDS.len() + 1],
    sum: Duration,
}

impl Default for Requests {
    fn default() -> Requests {
        Requests { clock: SystemClock::shared(), inner: Arc::default() }
    }
}

/// Counts a request, and how long it took to the begin of its answer.
pub async fn measure(State(requests): State<Requests>, request: Request, next: Next) -> Response {
    let method = match request.method().as_str() {
        "GET" => "GET",
        "POST" => "POST",
        "DELETE" => "DELETE",
        _ => "other",
    };
    let path = request.uri().path();
    let known = PATHS.iter().find(|(known, _)| path == *known || (known.ends_with('/') && path.starts_with(known)));
    let path = known.map_or("other", |(_, told)| told);
    let began = requests.clock.elapsed();
    let response = next.run(request).await;
    requests.add(method, path, response.status().as_u16(), requests.clock.elapsed().saturating_sub(began));
    response
}

pub async fn get(State(node): State<Arc<dyn Node>>, State(requests): State<Requests>) -> Response {
    let mut families = node.metrics();
    families.extend(requests.families());
    ([(CONTENT_TYPE, metrics::CONTENT_TYPE)], metrics::text(&families)).into_response()
}

impl Requests {
    fn add(&self, method: &'static str, path: &'static str, status: u16, took: Duration) {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        *inner.counts.entry((method, path, status)).or_default() += 1;
        let times = inner.times.entry((method, path)).or_default();
        let seconds = took.as_secs_f64();
        times.counts[BOUNDS.iter().position(|bound| seconds <= *bound).unwrap_or(BOUNDS.len())] += 1;
        times.sum += took;
    }

    fn families(&self) -> [Family; 2] {
        let inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let mut counts = Family::counter("headwater_http_requests_total", "HTTP requests answered.");
        for ((method, path, status), count) in &inner.counts {
            let labels =
                vec![("method", (*method).to_owned()), ("path", (*path).to_owned()), ("status", status.to_string())];
            counts.samples.push(Sample { suffix: "", labels, value: *count as f64 });
        }
        let mut times = Family {
            name: "headwater_http_request_duration_seconds",
            help: "Time from a request's head to the begin of its answer.",
            kind: Kind::Histogram,
            samples: Vec::new(),
        };
        for ((method, path), found) in &inner.times {
            let labels = || vec![("method", (*method).to_owned()), ("path", (*path).to_owned())];
            let mut below = 0;
            for (at, count) in found.counts.iter().enumerate() {
                below += count;
                let mut labels = labels();
                labels.push(("le", BOUNDS.get(at).map_or("+Inf".to_owned(), f64::to_string)));
                times.samples.push(Sample { suffix: "_bucket", labels, value: below as f64 });
            }
            let sum = Sample { suffix: "_sum", labels: labels(), value: found.sum.as_secs_f64() };
            let count = Sample { suffix: "_count", labels: labels(), value: below as f64 };
            times.samples.extend([sum, count]);
        }
        [counts, times]
    }
}
