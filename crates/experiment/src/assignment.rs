//! Which variant a unit has: a function of salt, weights and the unit's text alone, so that any program in any language
//! comes to the same, and a unit keeps its variant for as long as salt and weights stay.
//!
//! `hash(salt, purpose, unit)` is the first 8 bytes, big-endian, of SHA-256 over the UTF-8 text `salt:purpose:unit`. As
//! a share of 2^64 it falls into one of `n` equal parts: `hash * n >> 64`, in integers, so that nobody rounds.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::ops::Range;

use sha2::{Digest, Sha256};

use crate::{Error, Result};

/// Shares of traffic and slots of a layer are counted in millionths.
pub const MILLION: u64 = 1_000_000;

/// Weights stay below, so that products with a hash fit 128 bits with room to spare.
const WEIGHTS_MAX: u64 = 1 << 32;

/// How units are spread over variants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assignment {
    salt: String,
    /// The sum of the weights up to and with each variant.
    bounds: Vec<u64>,
    traffic_millionths: u64,
    layer: Option<Slot>,
    /// Unit to variant.
    forced: BTreeMap<String, usize>,
}

/// An experiment's part of a layer. Experiments of one layer with slots that don't meet never share a unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slot {
    pub layer: String,
    pub millionths: Range<u64>,
}

/// What becomes of a unit. Only those that are `Drawn` may be counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Assigned {
    Drawn(usize),
    /// By an override: chosen, not drawn, so it says nothing of the variant.
    Forced(usize),
    /// Beyond the share of traffic, until that grows.
    OutOfTraffic,
    /// In the slot of another experiment of the layer.
    OutOfSlot,
}

impl Assigned {
    /// What the unit is to see; none: what it would see without the experiment.
    pub fn variant(self) -> Option<usize> {
        match self {
            Assigned::Drawn(variant) | Assigned::Forced(variant) => Some(variant),
            Assigned::OutOfTraffic | Assigned::OutOfSlot => None,
        }
    }
}

impl Assignment {
    /// All traffic, by weights in the order of the variants. The salt is the experiment's name unless something else is
    /// wanted; the same salt draws the same people.
    pub fn new(salt: &str, weights: &[u64]) -> Result<Assignment> {
        salted("salt", salt)?;
        let mut bounds = Vec::with_capacity(weights.len());
        let mut sum = 0_u64;
        for (place, weight) in weights.iter().enumerate() {
            sum = sum.saturating_add(*weight);
            if *weight == 0 || sum > WEIGHTS_MAX {
                let what = format!("variant {} has the weight {weight}", place + 1);
                return Err(Error::declaration(
                    what,
                    format!("weights are positive, and at most {WEIGHTS_MAX} in all"),
                ));
            }
            bounds.push(sum);
        }
        if bounds.len() < 2 {
            return Err(Error::declaration(
                "an experiment has at least two variants",
                "name a control and another one",
            ));
        }
        Ok(Assignment {
            salt: salt.to_owned(),
            bounds,
            traffic_millionths: MILLION,
            layer: None,
            forced: BTreeMap::new(),
        })
    }

    /// A share of all units, drawn apart from the variants: when it grows, units come in and none changes its variant.
    pub fn with_traffic(mut self, millionths: u64) -> Result<Assignment> {
        if millionths > MILLION {
            let what = format!("{millionths} millionths of the traffic");
            return Err(Error::declaration(what, "no more than all of it"));
        }
        self.traffic_millionths = millionths;
        Ok(self)
    }

    pub fn within(mut self, slot: Slot) -> Result<Assignment> {
        slot.check()?;
        self.layer = Some(slot);
        Ok(self)
    }

    /// A unit that has a variant whatever is drawn, also beyond traffic and slot.
    pub fn with_forced(mut self, unit: &str, variant: usize) -> Result<Assignment> {
        if variant >= self.bounds.len() {
            let what = format!("unit {unit} is forced into variant {}", variant + 1);
            return Err(Error::declaration(what, format!("there are {} variants", self.bounds.len())));
        }
        self.forced.insert(unit.to_owned(), variant);
        Ok(self)
    }

    pub fn assign(&self, unit: &str) -> Assigned {
        if let Some(variant) = self.forced.get(unit) {
            return Assigned::Forced(*variant);
        }
        if let Some(Slot { layer, millionths }) = &self.layer
            && !millionths.contains(&part(hash(layer, "layer", unit), MILLION))
        {
            return Assigned::OutOfSlot;
        }
        let all = self.traffic_millionths == MILLION;
        if !all && part(hash(&self.salt, "traffic", unit), MILLION) >= self.traffic_millionths {
            return Assigned::OutOfTraffic;
        }
        let total = self.bounds.last().copied().unwrap_or(1);
        let place = part(hash(&self.salt, "variant", unit), total);
        Assigned::Drawn(self.bounds.partition_point(|bound| *bound <= place))
    }
}

impl Slot {
    fn check(&self) -> Result<()> {
        salted("layer", &self.layer)?;
        if self.millionths.is_empty() || self.millionths.end > MILLION {
            let what = format!("the slot {} to {} of layer {}", self.millionths.start, self.millionths.end, self.layer);
            return Err(Error::declaration(what, format!("a slot lies within 0 to {MILLION}, and is not empty")));
        }
        Ok(())
    }

    /// Whether a unit can be in both.
    pub fn meets(&self, other: &Slot) -> bool {
        self.layer != other.layer
            || (self.millionths.start < other.millionths.end && other.millionths.start < self.millionths.end)
    }
}

/// The first 8 bytes of SHA-256 over `salt:purpose:unit`. Neither salt nor purpose holds a colon, so that two texts
/// never mean the same bytes.
pub fn hash(salt: &str, purpose: &str, unit: &str) -> u64 {
    let mut digest = Sha256::new();
    for bytes in [salt, ":", purpose, ":", unit] {
        digest.update(bytes.as_bytes());
    }
    digest.finalize().iter().take(8).fold(0, |value, byte| value << 8 | u64::from(*byte))
}

/// Which of so many equal parts a hash falls into.
pub fn part(hash: u64, parts: u64) -> u64 {
    ((u128::from(hash) * u128::from(parts)) >> 64) as u64
}

fn salted(what: &str, text: &str) -> Result<()> {
    if text.is_empty() || text.contains(':') {
        let what = format!("{what} '{text}'");
        return Err(Error::declaration(what, "it is a text without a colon, and not empty"));
    }
    Ok(())
}
