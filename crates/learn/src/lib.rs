//! Models: what learns from rows, scores other rows, explains its scores, and is kept as bytes.
//!
//! All of it is computing: rows come as columns in memory, nothing here reads a file, asks a clock or knows SQL. The
//! same rows, options and seed give the same model and the same scores, bit by bit, on any number of threads.

pub mod boosting;
mod cholesky;
pub mod data;
pub mod drift;
mod error;
pub mod explain;
pub mod factorization;
pub mod linear;
pub mod metrics;
pub mod model;
pub mod onnx;
pub mod random_cut;
pub mod stored;
pub mod trees;

pub use error::{Error, Result};
pub use model::{Method, Model, Predictor};
