//! One scan for all that is measured: the query that reads what is needed, and its parts folded at one time.

use std::sync::Arc;

use arrow::array::{Array, BooleanArray, RecordBatch};
use headwater_query::Session;

use crate::column::{Batch, Column, Values};
use crate::measure::{Planned, State};
use crate::{Error, Result};

/// What is read and measured.
#[derive(Debug, Clone)]
pub struct Scan {
    pub relation: String,
    /// Which rows; all where nothing is said.
    pub condition: Option<String>,
    pub columns: Vec<Column>,
    /// Conditions of which some measures look at the rows where they are true.
    pub conditions: Vec<String>,
    pub measures: Vec<Planned>,
}

/// What was measured, in the order of the measures.
#[derive(Debug)]
pub struct Measured {
    pub states: Vec<State>,
    /// When the rows were as they were read, microseconds UTC.
    pub as_of_us: i64,
}

pub fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

impl Scan {
    /// The query. A condition may end in a comment, so each ends its line.
    fn text(&self) -> String {
        let columns = self.columns.iter().map(|column| quoted(&column.name));
        let condition = |(number, text): (usize, &String)| format!("coalesce(({text}\n), false) AS \"?{number}\"");
        let conditions = self.conditions.iter().enumerate().map(condition);
        let mut read: Vec<String> = columns.chain(conditions).collect();
        if read.is_empty() {
            read.push("1 AS \"?\"".to_owned());
        }
        let rows = self.condition.as_ref().map_or(String::new(), |text| format!(" WHERE ({text}\n)"));
        format!("SELECT {} FROM {}{rows}", read.join(", "), self.relation)
    }

    pub async fn run(self: &Arc<Self>, session: &Session) -> Result<Measured> {
        let parts = session.partitions(&self.text()).await?;
        let as_of_us = parts.as_of_us;
        let (here, there) = (Arc::clone(self), Arc::clone(self));
        let folded =
            parts.fold(session.threads(), || here.start(), move |states, rows| there.update(states, &rows)).await?;
        Ok(Measured { states: self.merge(folded)?, as_of_us })
    }

    /// The same over rows that are at hand, each part on a thread of its own.
    pub fn run_parts(&self, parts: Vec<Vec<RecordBatch>>) -> Result<Vec<State>> {
        let fold = |part: Vec<RecordBatch>| {
            let mut states = self.start()?;
            part.iter().try_for_each(|rows| self.update(&mut states, rows))?;
            Ok(states)
        };
        let folded = std::thread::scope(|scope| {
            let workers: Vec<_> = parts.into_iter().map(|part| scope.spawn(move || fold(part))).collect();
            workers.into_iter().map(|worker| worker.join()).collect::<Vec<_>>()
        });
        let whole = folded.into_iter().map(|part| part.map_err(|_| Error::Internal("a scan panicked".to_owned()))?);
        self.merge(whole.collect::<Result<Vec<_>>>()?)
    }

    fn start(&self) -> Result<Vec<State>> {
        self.measures.iter().map(|planned| planned.measure.start(&self.columns)).collect()
    }

    fn update(&self, states: &mut [State], rows: &RecordBatch) -> Result<()> {
        let columns = rows.columns().iter().take(self.columns.len());
        let all = Batch { rows: rows.num_rows(), columns: columns.map(Values::of).collect::<Result<Vec<_>>>()? };
        let mut chosen: Vec<Option<Batch>> = vec![None; self.conditions.len()];
        for (planned, state) in self.measures.iter().zip(states) {
            let batch = match planned.condition {
                None => &all,
                Some(number) => {
                    let chosen = &mut chosen[number];
                    if chosen.is_none() {
                        *chosen = Some(all.filtered(self.is_true(rows, number)?)?);
                    }
                    chosen.as_ref().unwrap_or(&all)
                }
            };
            planned.measure.update(state, batch)?;
        }
        Ok(())
    }

    fn is_true<'a>(&self, rows: &'a RecordBatch, condition: usize) -> Result<&'a BooleanArray> {
        let column = rows.column(self.columns.len() + condition);
        column.as_any().downcast_ref().ok_or_else(|| Error::Internal("a condition gave no booleans".to_owned()))
    }

    /// All parts, in their order.
    fn merge(&self, folded: Vec<Vec<State>>) -> Result<Vec<State>> {
        let mut parts = folded.into_iter();
        let mut all = match parts.next() {
            Some(first) => first,
            None => self.start()?,
        };
        for part in parts {
            for (state, later) in all.iter_mut().zip(part) {
                state.merge(later)?;
            }
        }
        Ok(all)
    }
}
