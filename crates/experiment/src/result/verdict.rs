//! What a comparison comes to, in a word.

use std::fmt;

use super::declared::{Direction, Experiment, Looks, Margin, Metric};
use super::{Comparison, Test};
use crate::compare::Interval;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    Better,
    Worse,
    NoDifferenceShown,
    /// Shown not to be worse by more than the margin.
    GuardrailHeld,
    /// Shown to be worse by more than the margin.
    GuardrailViolated,
    /// Neither is shown yet.
    GuardrailOpen,
    /// No figure may be believed: why.
    Invalid(String),
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Verdict::Better => "better",
            Verdict::Worse => "worse",
            Verdict::NoDifferenceShown => "no difference shown",
            Verdict::GuardrailHeld => "guardrail held",
            Verdict::GuardrailViolated => "guardrail violated",
            Verdict::GuardrailOpen => "guardrail open",
            Verdict::Invalid(why) => return write!(f, "invalid: {why}"),
        })
    }
}

impl Verdict {
    pub(super) fn of(experiment: &Experiment, metric: &Metric, comparison: &Comparison) -> Verdict {
        let test = comparison.decisive();
        match metric.guardrail {
            Some(margin) => guardrail(experiment.looks, metric.better, margin, test),
            None => difference(experiment, metric.better, test),
        }
    }
}

fn difference(experiment: &Experiment, better: Direction, test: &Test) -> Verdict {
    let p_value = match experiment.looks {
        Looks::Once => Some(test.p_adjusted),
        Looks::Any => test.sequential.as_ref().map(|sequential| sequential.p_adjusted),
    };
    if p_value.is_none_or(|p_value| p_value > experiment.alpha) {
        return Verdict::NoDifferenceShown;
    }
    let higher = test.difference.effect > 0.0;
    if higher == (better == Direction::Higher) { Verdict::Better } else { Verdict::Worse }
}

fn guardrail(looks: Looks, better: Direction, margin: Margin, test: &Test) -> Verdict {
    let sequential = test.sequential.as_ref();
    let (interval, size): (Option<Interval>, f64) = match (margin, looks) {
        (Margin::Absolute(size), Looks::Once) => (Some(test.difference.interval), size),
        (Margin::Absolute(size), Looks::Any) => (sequential.map(|sequential| sequential.interval), size),
        (Margin::Relative(size), Looks::Once) => (test.difference.relative_interval, size),
        (Margin::Relative(size), Looks::Any) => (sequential.and_then(|sequential| sequential.relative_interval), size),
    };
    let Some(Interval { low, high }) = interval else { return Verdict::GuardrailOpen };
    let (least, most) = if better == Direction::Higher { (low, high) } else { (-high, -low) };
    if most < -size {
        Verdict::GuardrailViolated
    } else if least > -size {
        Verdict::GuardrailHeld
    } else {
        Verdict::GuardrailOpen
    }
}
