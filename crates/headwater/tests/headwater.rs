//! The binary as users run it: SQL logic tests, and what it says to input and folders that are not as they should be.

#![allow(clippy::unwrap_used, reason = "all of it is tests, helpers too")]

#[path = "headwater/alerts.rs"]
mod alerts;
#[path = "headwater/bad_input.rs"]
mod bad_input;
#[path = "headwater/changes.rs"]
mod changes;
#[path = "headwater/docs.rs"]
mod docs;
#[path = "headwater/epochs.rs"]
mod epochs;
#[path = "headwater/expectations.rs"]
mod expectations;
#[path = "headwater/experiments.rs"]
mod experiments;
#[path = "headwater/features.rs"]
mod features;
#[path = "headwater/file_sources.rs"]
mod file_sources;
#[path = "headwater/generate.rs"]
mod generate;
#[path = "headwater/http.rs"]
mod http;
#[path = "headwater/keys.rs"]
mod keys;
#[path = "headwater/letters.rs"]
mod letters;
#[path = "headwater/lookups.rs"]
mod lookups;
#[path = "headwater/models.rs"]
mod models;
#[path = "headwater/nexmark.rs"]
mod nexmark;
#[path = "headwater/node.rs"]
mod node;
#[path = "headwater/outlets.rs"]
mod outlets;
#[path = "headwater/plans.rs"]
mod plans;
#[path = "headwater/queries.rs"]
mod queries;
#[path = "headwater/reading.rs"]
mod reading;
#[path = "headwater/runs.rs"]
mod runs;
#[path = "headwater/shop.rs"]
mod shop;
#[path = "headwater/shop_alerts.rs"]
mod shop_alerts;
#[path = "headwater/shop_learns.rs"]
mod shop_learns;
#[path = "headwater/sinks.rs"]
mod sinks;
#[path = "headwater/slt.rs"]
mod slt;
#[path = "headwater/users.rs"]
mod users;
#[path = "headwater/watching.rs"]
mod watching;
#[path = "headwater/web.rs"]
mod web;
