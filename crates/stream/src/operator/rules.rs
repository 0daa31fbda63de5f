//! The rules of a view, applied to its rows before they leave it. (A declared stream's rules are applied where its
//! records are decoded.)

use std::sync::Arc;

use headwater_query::rule::RuleSet;

use super::evaluate::Context;
use super::{Operator, Output};
use crate::batch::Batch;
use crate::letter::Letter;
use crate::{Error, Result};

pub struct Rules {
    rules: Arc<RuleSet>,
    context: Context,
}

impl Rules {
    pub fn new(rules: Arc<RuleSet>, context: Context) -> Rules {
        Rules { rules, context }
    }
}

impl Operator for Rules {
    fn push(&mut self, _port: usize, batch: Batch, out: &mut Output) -> Result<()> {
        let verdicts = self.rules.evaluate(&batch.rows)?;
        let name = |rule: usize| self.rules.rules().get(rule).map(|rule| (rule.name.clone(), rule.text.clone()));
        if let Some(failed) = &verdicts.failed {
            let (rule, text) = name(failed.rule).unwrap_or_default();
            let row = headwater_format::row_as_json(&batch.rows, failed.row);
            let message = format!("rule {rule} of {}, EXPECT ({text}), failed on {row}", self.context.relation);
            return Err(
                Error::invalid(message).with_hint("change the rule or the rows; ON VIOLATION FAIL stops the view")
            );
        }
        for (rule, rows) in verdicts.warned.iter().chain(&verdicts.dropped) {
            *out.violations.entry(name(*rule).unwrap_or_default().0).or_default() += rows;
        }
        for verdict in &verdicts.rejected {
            let (rule, text) = name(verdict.rule).unwrap_or_default();
            let (reason, detail) = match &verdict.error {
                None => {
                    *out.violations.entry(rule.clone()).or_default() += 1;
                    ("violation", format!("EXPECT ({text})"))
                }
                Some(error) => ("failed", error.clone()),
            };
            let mut letter =
                Letter::of_row(&self.context.relation, &self.context.inputs, reason, detail, &batch, verdict.row);
            letter.rule = Some(rule);
            out.letters.push(letter);
        }
        match &verdicts.keep {
            None => out.emit(batch),
            Some(keep) => out.emit(batch.filter(keep)?),
        }
        Ok(())
    }
}
