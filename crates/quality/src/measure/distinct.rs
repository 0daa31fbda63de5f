//! About how many different values a column has: HyperLogLog (Flajolet and others, 2007), with a standard error below
//! one percent.

use arrow::array::{Array, ArrayRef, BooleanArray};
use arrow::compute::filter;
use datafusion::common::hash_utils::{RandomState, create_hashes};

use crate::column::Values;
use crate::{Error, Result};

const BITS: u32 = 14;
const REGISTERS: usize = 1 << BITS;

#[derive(Debug)]
pub struct Distinct {
    registers: Vec<u8>,
}

impl Default for Distinct {
    fn default() -> Distinct {
        Distinct { registers: vec![0; REGISTERS] }
    }
}

impl Distinct {
    pub fn update(&mut self, values: &Values) -> Result<()> {
        let present = match values.plain.null_count() {
            0 => ArrayRef::clone(&values.plain),
            _ => filter(&values.plain, &BooleanArray::new(!&values.is_null(), None))?,
        };
        let mut hashes = vec![0u64; present.len()];
        let hashed = create_hashes([&present], &RandomState::with_seed(0x51_7cc1_b727_220a), &mut hashes);
        hashed.map_err(|error| Error::Internal(error.to_string()))?;
        for hash in hashes {
            // A hash made for tables is not random enough in its first bits.
            let hash = mixed(hash);
            let register = &mut self.registers[(hash >> (64 - BITS)) as usize];
            let rank = (hash << BITS | 1 << (BITS - 1)).leading_zeros() as u8 + 1;
            *register = (*register).max(rank);
        }
        Ok(())
    }

    pub fn merge(&mut self, later: &Distinct) {
        self.registers.iter_mut().zip(&later.registers).for_each(|(one, other)| *one = (*one).max(*other));
    }

    pub fn estimate(&self) -> u64 {
        let count = REGISTERS as f64;
        let sum: f64 = self.registers.iter().map(|rank| 2f64.powi(-i32::from(*rank))).sum();
        let raw = 0.7213 / (1.0 + 1.079 / count) * count * count / sum;
        let empty = self.registers.iter().filter(|rank| **rank == 0).count();
        let estimate = if raw <= 2.5 * count && empty > 0 { count * (count / empty as f64).ln() } else { raw };
        estimate.round() as u64
    }
}

/// The end of SplitMix64.
fn mixed(hash: u64) -> u64 {
    let hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    hash ^ (hash >> 31)
}
