//! Rules over a batch: one vectorised evaluation a rule, and nothing more where no row violates it.

use arrow::array::{Array, AsArray, BooleanArray, RecordBatch};
use arrow::buffer::BooleanBuffer;
use datafusion::common::DataFusionError;
use datafusion::physical_expr::PhysicalExpr;

use super::{Action, RuleSet, Verdict, Verdicts};
use crate::plan::diagnose;
use crate::{Error, Result};

impl RuleSet {
    /// Judges the rows of a batch of the schema that the rules were compiled for.
    ///
    /// # Errors
    /// [`Error::Internal`] where the batch is of another schema. What fails on a row is a verdict on that row.
    pub fn evaluate(&self, batch: &RecordBatch) -> Result<Verdicts> {
        let rows = batch.num_rows();
        let mut judged = Judged { alive: None, taken: Vec::new(), failed: None };
        for (number, condition) in self.compiled.iter().enumerate() {
            let violated = match violated(condition.as_ref(), batch) {
                Ok(violated) => violated,
                Err(DataFusionError::Internal(detail)) => return Err(Error::Internal(detail)),
                Err(_) => self.row_by_row(number, batch, &mut judged),
            };
            if let Some(violated) = violated.and_then(|violated| judged.still_alive(violated)) {
                judged.apply(number, self.rules[number].action, violated, rows);
            }
        }
        Ok(judged.verdicts(rows))
    }

    /// Finds the rows on which a condition fails, takes them away, and says which others violate it.
    fn row_by_row(&self, number: usize, batch: &RecordBatch, judged: &mut Judged) -> Option<BooleanBuffer> {
        let condition = self.compiled[number].as_ref();
        let mut failed = Vec::new();
        let violated = BooleanBuffer::collect_bool(batch.num_rows(), |row| {
            if judged.alive.as_ref().is_some_and(|alive| !alive.value(row)) {
                return false;
            }
            match self::violated(condition, &batch.slice(row, 1)) {
                Ok(violated) => violated.is_some(),
                Err(error) => {
                    failed.push(Verdict { row, rule: number, error: Some(diagnose::plain(&error)) });
                    false
                }
            }
        });
        judged.take_away(failed.iter().map(|verdict| verdict.row), batch.num_rows());
        judged.taken.extend(failed.into_iter().map(Taken::Failed));
        (violated.count_set_bits() > 0).then_some(violated)
    }
}

/// Where a condition is FALSE; `None` where it is so nowhere.
fn violated(condition: &dyn PhysicalExpr, batch: &RecordBatch) -> Result<Option<BooleanBuffer>, DataFusionError> {
    let value = condition.evaluate(batch)?.into_array(batch.num_rows())?;
    let value = value.as_boolean();
    let violated = match value.nulls() {
        None if value.true_count() == value.len() => return Ok(None),
        None => !value.values(),
        Some(valid) => &!value.values() & valid.inner(),
    };
    Ok((violated.count_set_bits() > 0).then_some(violated))
}

/// The fate of a batch's rows so far.
struct Judged {
    /// Rows that no rule took away; `None` for all.
    alive: Option<BooleanBuffer>,
    taken: Vec<Taken>,
    /// The earliest row that stops the readers, and its rule.
    failed: Option<(usize, usize)>,
}

/// Rows that a rule took away or counted. Which of them lie before a stop is known only at the end.
enum Taken {
    Failed(Verdict),
    Violated { rule: usize, action: Action, rows: BooleanBuffer },
}

impl Judged {
    fn still_alive(&self, rows: BooleanBuffer) -> Option<BooleanBuffer> {
        let rows = match &self.alive {
            None => rows,
            Some(alive) => &rows & alive,
        };
        (rows.count_set_bits() > 0).then_some(rows)
    }

    fn apply(&mut self, rule: usize, action: Action, violated: BooleanBuffer, rows: usize) {
        match action {
            Action::Warn => self.taken.push(Taken::Violated { rule, action, rows: violated }),
            Action::Drop | Action::Quarantine => {
                let survivors = !&violated;
                self.alive = Some(self.alive.as_ref().map_or_else(|| survivors.clone(), |alive| alive & &survivors));
                self.taken.push(Taken::Violated { rule, action, rows: violated });
            }
            Action::Fail => {
                let first = violated.set_indices().next().unwrap_or(rows);
                if self.failed.is_none_or(|(row, _)| first < row) {
                    self.failed = Some((first, rule));
                }
            }
        }
    }

    fn take_away(&mut self, gone: impl Iterator<Item = usize>, rows: usize) {
        let mut alive: Option<Vec<bool>> = None;
        for row in gone {
            let alive = alive.get_or_insert_with(|| match &self.alive {
                None => vec![true; rows],
                Some(alive) => alive.iter().collect(),
            });
            alive[row] = false;
        }
        if let Some(alive) = alive {
            self.alive = Some(BooleanBuffer::from(alive));
        }
    }

    fn verdicts(self, rows: usize) -> Verdicts {
        let mut verdicts = Verdicts::default();
        let end = self.failed.map_or(rows, |(row, _)| row);
        for taken in self.taken {
            match taken {
                Taken::Failed(verdict) if verdict.row < end => verdicts.rejected.push(verdict),
                Taken::Failed(_) => {}
                Taken::Violated { rule, action: Action::Quarantine, rows } => {
                    let before = rows.set_indices().take_while(|row| *row < end);
                    verdicts.rejected.extend(before.map(|row| Verdict { row, rule, error: None }));
                }
                Taken::Violated { rule, action, rows } => {
                    let count = rows.slice(0, end).count_set_bits() as u64;
                    match (count, action) {
                        (0, _) => {}
                        (_, Action::Warn) => verdicts.warned.push((rule, count)),
                        _ => verdicts.dropped.push((rule, count)),
                    }
                }
            }
        }
        verdicts.rejected.sort_by_key(|verdict| verdict.row);
        verdicts.failed = self.failed.map(|(row, rule)| Verdict { row, rule, error: None });
        verdicts.keep = match (self.alive, self.failed) {
            (None, None) => None,
            (alive, _) => {
                let alive = |row| alive.as_ref().is_none_or(|alive| alive.value(row));
                Some(BooleanArray::new(BooleanBuffer::collect_bool(rows, |row| row < end && alive(row)), None))
            }
        };
        verdicts
    }
}
