//! `CREATE EXPERIMENT`: who gets what, and what comes of it.

use super::{Existing, Name};

/// `CREATE EXPERIMENT name UNIT column VARIANTS (…) METRICS (…)`
#[derive(Debug, Clone)]
pub struct CreateExperiment {
    pub name: Name,
    pub existing: Existing,
    /// What is assigned: the column that tells units apart wherever they are named.
    pub unit: Name,
}
