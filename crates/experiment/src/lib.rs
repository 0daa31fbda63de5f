//! A/B tests: which variant a unit has, and what its rows say of the variants, as a pure function of sums.
//!
//! There is no engine, no clock and no file in here: who has rows hands in [moments], and gets [rows](result::Row).
//! Formulas, sources and what is left out are in `docs/experiments.md`.

pub mod assignment;
pub mod compare;
pub mod distribution;
mod error;
pub mod moments;
pub mod power;
pub mod result;
pub mod sample_ratio;
pub mod sequential;

pub use error::{Error, Result};
