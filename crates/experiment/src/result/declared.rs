//! An experiment as it is declared, and whether it means something.

use crate::assignment::Assignment;
use crate::compare::many::Correction;
use crate::power::Wanted;
use crate::{Error, Result, sample_ratio, sequential};

#[derive(Debug, Clone, PartialEq)]
pub struct Experiment {
    pub variants: Vec<Variant>,
    /// Which of the variants the others are held against.
    pub control: usize,
    pub metrics: Vec<Metric>,
    pub alpha: f64,
    pub power: f64,
    /// Over the variants of one metric.
    pub correction: Correction,
    pub looks: Looks,
    pub sample_ratio_threshold: f64,
    /// Of control and one variant together: where sequential intervals are to be narrowest.
    pub planned_units: u64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Variant {
    pub name: String,
    pub weight: u64,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Metric {
    pub name: String,
    pub kind: Kind,
    pub better: Direction,
    /// It must not get worse by more than this.
    pub guardrail: Option<Margin>,
    /// The effect that one would want to find.
    pub wanted_effect: Option<Margin>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Each unit is 0 or 1.
    Proportion,
    /// Each unit is a number.
    Mean,
    /// The sum of all units' numbers over the sum of their denominators.
    Ratio,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    Higher,
    Lower,
}

/// Not below zero, whichever direction is better.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Margin {
    Absolute(f64),
    /// A share of the control.
    Relative(f64),
}

/// When verdicts may be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Looks {
    /// At any time, as often as one likes: they go by the sequential interval.
    #[default]
    Any,
    /// Once, at an end that was fixed before: they go by the narrower interval of one look.
    Once,
}

impl Experiment {
    /// What is declared where nothing else is said.
    pub fn new(variants: Vec<Variant>, metrics: Vec<Metric>) -> Experiment {
        Experiment {
            variants,
            control: 0,
            metrics,
            alpha: 0.05,
            power: 0.8,
            correction: Correction::default(),
            looks: Looks::default(),
            sample_ratio_threshold: sample_ratio::THRESHOLD,
            planned_units: sequential::PLANNED_UNITS,
        }
    }

    pub fn check(&self) -> Result<()> {
        Assignment::new("any", &self.weights())?;
        Wanted::new(self.alpha, self.power)?;
        different("variant", self.variants.iter().map(|variant| &variant.name))?;
        different("metric", self.metrics.iter().map(|metric| &metric.name))?;
        if self.control >= self.variants.len() {
            let hint = format!("it is one of the {} variants", self.variants.len());
            return Err(Error::declaration(format!("the control is variant {}", self.control + 1), hint));
        }
        if self.metrics.is_empty() {
            return Err(Error::declaration(
                "an experiment without a metric",
                "say by what variants are held against each other",
            ));
        }
        if !(self.sample_ratio_threshold >= 0.0 && self.sample_ratio_threshold < 1.0) {
            let what = format!("the threshold of the sample ratio is {}", self.sample_ratio_threshold);
            return Err(Error::declaration(what, "it is a p value, such as 0.001, or 0 for no check"));
        }
        if self.planned_units == 0 {
            return Err(Error::declaration("no units are planned", "say about how many units two variants will have"));
        }
        self.metrics.iter().try_for_each(Metric::check)
    }

    pub(crate) fn weights(&self) -> Vec<u64> {
        self.variants.iter().map(|variant| variant.weight).collect()
    }
}

impl Metric {
    pub fn new(name: &str, kind: Kind, better: Direction) -> Metric {
        Metric { name: name.to_owned(), kind, better, guardrail: None, wanted_effect: None }
    }

    fn check(&self) -> Result<()> {
        for (what, margin, least) in
            [("guardrail", self.guardrail, 0.0), ("wanted effect", self.wanted_effect, f64::MIN_POSITIVE)]
        {
            let Some(Margin::Absolute(size) | Margin::Relative(size)) = margin else { continue };
            if !(size >= least && size.is_finite()) {
                let what = format!("the {what} of metric {} is {size}", self.name);
                return Err(Error::declaration(what, "it is a size without a sign, such as 0.01"));
            }
        }
        Ok(())
    }
}

fn different<'a>(what: &str, names: impl Iterator<Item = &'a String>) -> Result<()> {
    let mut seen: Vec<&String> = Vec::new();
    for name in names {
        if name.is_empty() || seen.contains(&name) {
            return Err(Error::declaration(format!("{what} '{name}' is there twice, or has no name"), "names differ"));
        }
        seen.push(name);
    }
    Ok(())
}
