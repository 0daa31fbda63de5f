//! Rows of a keyed table: what epochs show, each taken once a checkpoint holds it.

use arrow::array::RecordBatch;
use headwater_stream::engine::published::Published;

use super::{Look, News, ROWS_MAX};
use crate::Result;
use crate::alerts::incident::{Incidents, Row, Rows};
use crate::alerts::rows;

/// Looks at a table.
#[derive(Default)]
pub struct Looks {
    /// Waits for a checkpoint.
    waiting: Option<Taken>,
    /// How the table was when it was looked at last: its changes, and the time.
    seen: Option<(u64, Option<i64>)>,
    /// Its changes when it was taken last. None yet: it is as the checkpoint has it that it began with.
    held: u64,
    /// What is there, of rows without times; nothing before the first look.
    there: Option<Vec<Row>>,
}

/// A table as an epoch has it.
struct Taken {
    epoch: u64,
    changes: u64,
    watermark_us: Option<i64>,
    rows: Vec<RecordBatch>,
}

impl Looks {
    pub(super) fn step(&mut self, look: &Look<'_>, incidents: &mut Incidents) -> Result<News> {
        let held = self.glance(look)?;
        // Where only time has passed, no checkpoint may come.
        let is_held = |waiting: &Taken| held.is_some_and(|held| waiting.epoch <= held) || waiting.changes == self.held;
        let is_ready = self.waiting.as_ref().is_some_and(is_held);
        let ready = self.waiting.take_if(|_| is_ready);
        let is_timed = look.declared.timestamp.is_some();
        let Some(Taken { watermark_us, rows, changes, .. }) = ready else {
            let Some(there) = self.there.as_ref().filter(|_| incidents.waits()) else { return Ok(News::Nothing) };
            let outcome = incidents.look(there, &look.meaning);
            let is_nothing = outcome.changed.is_empty();
            return Ok(if is_nothing { News::Nothing } else { News::Taken(outcome, None) });
        };
        self.held = changes;
        let mut taken = Vec::new();
        for batch in &rows {
            taken.extend(rows::read(look.declared, batch, look.meaning.now_us)?);
        }
        let outcome = if is_timed {
            incidents.take(Rows::All(taken), watermark_us, &look.meaning)
        } else {
            incidents.look(self.there.insert(taken), &look.meaning)
        };
        Ok(News::Taken(outcome, None))
    }

    /// Takes the table as it is, where it has changed and nothing waits. The last epoch that a checkpoint holds.
    fn glance(&mut self, look: &Look<'_>) -> Result<Option<u64>> {
        let epoch = look.ground.published.lock();
        look.check(&epoch)?;
        let held = epoch.status.checkpoint.map(|checkpoint| checkpoint.epoch);
        let Some(table) = epoch.tables.get(&look.declared.name) else { return Ok(held) };
        // Time alone changes nothing for rows that have none.
        let watermark_us = look.watermark_us(&epoch).filter(|_| look.declared.timestamp.is_some());
        let state = Some((table.changes(), watermark_us));
        if self.waiting.is_some() || self.seen == state {
            return Ok(held);
        }
        if table.len() > ROWS_MAX {
            let message = format!("its query has {} rows, and an alert looks at {ROWS_MAX} at the most", table.len());
            return Err(headwater_stream::Error::invalid(message).into());
        }
        self.seen = state;
        let (snapshot, number, changes) = (table.snapshot(), epoch.epoch, table.changes());
        drop(epoch);
        self.waiting = Some(Taken { epoch: number, changes, watermark_us, rows: snapshot.rows()? });
        Ok(held)
    }

    pub(super) fn is_settled(&self, alert: &str, published: &Published) -> bool {
        let epoch = published.lock();
        let changes = epoch.tables.get(alert).map(|table| table.changes());
        self.waiting.is_none() && self.seen.map(|(changes, _)| changes) == changes
    }
}
