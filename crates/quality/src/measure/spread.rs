//! Numbers for their quantiles: all of them while they are few, a digest of many.
//!
//! The digest is Dunning's t-digest, whose quantiles near the ends are the best.

use arrow::array::AsArray;
use arrow::datatypes::{DataType, Float64Type};
use datafusion_functions_aggregate_common::tdigest::TDigest;

use crate::Result;
use crate::column::Values;
use crate::outcome::nearest;

/// So many numbers of a part are kept as they are.
const KEPT: usize = 1 << 18;
/// Centroids of a digest.
const CENTROIDS: usize = 500;

#[derive(Debug, Default)]
pub struct Spread {
    kept: Vec<f64>,
    digest: Option<TDigest>,
}

impl Spread {
    pub fn update(&mut self, values: &Values) -> Result<()> {
        let values = arrow::compute::cast(&values.compared, &DataType::Float64)?;
        self.kept.extend(values.as_primitive::<Float64Type>().iter().flatten().filter(|value| value.is_finite()));
        if self.kept.len() > KEPT {
            self.digest();
        }
        Ok(())
    }

    pub fn merge(&mut self, mut later: Spread) {
        self.kept.append(&mut later.kept);
        if let Some(later) = later.digest {
            self.digest();
            let own = self.digest.take();
            self.digest = Some(own.map_or(later.clone(), |own| TDigest::merge_digests([&own, &later])));
        }
        if self.kept.len() > KEPT {
            self.digest();
        }
    }

    fn digest(&mut self) {
        let digest = self.digest.take().unwrap_or_else(|| TDigest::new(CENTROIDS));
        self.digest = Some(digest.merge_unsorted_f64(std::mem::take(&mut self.kept)));
    }

    /// Exact of few numbers, and near of many.
    pub fn quantile(&mut self, share: f64) -> Option<f64> {
        if self.digest.is_some() && !self.kept.is_empty() {
            self.digest();
        }
        match &self.digest {
            Some(digest) => Some(digest.estimate_quantile(share)),
            None => nearest(&mut self.kept, share),
        }
    }
}
