//! The routes of the API, as one table: the server is made of it, and the OpenAPI document is held against it.

use std::sync::Arc;

use axum::extract::FromRef;
use axum::handler::Handler;
use axum::routing::{self, MethodRouter};

use super::door::Door;
use super::measured::{self, Requests};
use super::{experiments, features, health, models, openapi, plan, queries, sql, streams, tables};
use crate::node::Node;

/// What requests are answered with.
#[derive(Clone)]
pub struct Served {
    pub door: Door,
    pub requests: Requests,
}

impl FromRef<Served> for Door {
    fn from_ref(served: &Served) -> Door {
        served.door.clone()
    }
}

impl FromRef<Served> for Arc<dyn Node> {
    fn from_ref(served: &Served) -> Arc<dyn Node> {
        Arc::clone(&served.door.node)
    }
}

impl FromRef<Served> for Requests {
    fn from_ref(served: &Served) -> Requests {
        served.requests.clone()
    }
}

/// One method of one path.
pub struct Route {
    /// In lower case, as OpenAPI has it.
    #[cfg_attr(not(test), expect(dead_code, reason = "the document is held against it"))]
    pub method: &'static str,
    /// As the router has it.
    pub path: &'static str,
    pub answer: MethodRouter<Served>,
}

/// All of them.
pub fn all() -> Vec<Route> {
    vec![
        post("/v1/sql", sql::post),
        post("/v1/plan", plan::post),
        post("/v1/streams/{name}", streams::append::post),
        get("/v1/streams/{name}", streams::read::get),
        get("/v1/tables/{*path}", tables::get),
        post("/v1/features/{name}", features::post),
        post("/get-online-features", features::feast),
        post("/v1/models/{name}/invocations", models::post),
        post("/endpoints/{name}/invocations", models::post),
        delete("/v1/queries/{id}", queries::delete),
        get("/v1/experiments/{name}/assignment", experiments::get),
        post("/v1/experiments/{name}/assignment", experiments::post),
        get("/v1/openapi.json", openapi::get),
        get("/health", health),
        get("/metrics", measured::get),
    ]
}

fn get<H: Handler<T, Served>, T: 'static>(path: &'static str, handler: H) -> Route {
    Route { method: "get", path, answer: routing::get(handler) }
}

fn post<H: Handler<T, Served>, T: 'static>(path: &'static str, handler: H) -> Route {
    Route { method: "post", path, answer: routing::post(handler) }
}

fn delete<H: Handler<T, Served>, T: 'static>(path: &'static str, handler: H) -> Route {
    Route { method: "delete", path, answer: routing::delete(handler) }
}
