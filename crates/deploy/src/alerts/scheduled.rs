//! Alerts that look by a schedule: a run asks the query, and what it has is what is wrong now.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures::TryStreamExt;
use headwater_base::clock::Clock;
use headwater_query::session::one;
use headwater_sql::settings::{CatchUp, RunSettings};
use headwater_stream::engine::published::Published;

use super::book::Book;
use super::incident::Meaning;
use super::watch::ROWS_MAX;
use super::{Declared, rows};
use crate::runs::refresh::Stage;
use crate::runs::{Failure, Kind, Outcome, Run, Task, Work};
use crate::schedule::Schedule;
use crate::{Error, Result};

/// How long a look waits for a checkpoint.
const HELD_WITHIN: Duration = Duration::from_secs(60);

/// Looks once.
pub struct Look {
    pub alert: Arc<Declared>,
    pub stage: Arc<dyn Stage>,
    pub book: Arc<Book>,
    pub clock: Arc<dyn Clock>,
    pub published: Arc<Published>,
}

impl Look {
    /// When it is done. A look that fails is not tried again before the next one is due.
    pub fn task(&self) -> Task {
        let settings = RunSettings {
            retries: 0,
            retry_delay: Duration::ZERO,
            timeout: None,
            catch_up: CatchUp::Latest,
            pool: None,
        };
        Task {
            object: self.alert.name.clone(),
            kind: Kind::Alert,
            schedule: self.alert.schedule.clone().unwrap_or(Schedule::Manual),
            settings,
            after: Vec::new(),
            fingerprint: String::new(),
            at_once: true,
            early: false,
        }
    }

    /// Waits until a crash can't take back what was seen.
    async fn held(&self) -> Result<()> {
        let began = self.clock.elapsed();
        let seen = self.published.lock().changed_epoch;
        while !self.published.lock().is_held(seen) {
            if self.clock.elapsed().saturating_sub(began) > HELD_WITHIN {
                let message = "no checkpoint has come that holds what it saw";
                let hint = "it looks again when it is due".to_owned();
                return Err(Error::Refused { message: message.to_owned(), hint });
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    }

    async fn look(&self) -> Result<u64> {
        let alert = &self.alert;
        let query = format!("SELECT * FROM \"{}\"", alert.name.replace('"', "\"\""));
        let mut batches = self.stage.session().run(&one(&query)?).await?.batches;
        let now_us = self.clock.now_us();
        let mut found = Vec::new();
        while let Some(batch) = batches.try_next().await? {
            found.extend(rows::read(alert, &batch, now_us)?);
            if found.len() as u64 > ROWS_MAX {
                let message = format!("its query has more than {ROWS_MAX} rows, the most that an alert looks at");
                return Err(headwater_stream::Error::invalid(message).into());
            }
        }
        self.held().await?;
        let message = |row: &serde_json::Value, labels: &str| alert.message.of(row, labels);
        let mut incidents = self.book.entry(&alert.name).incidents;
        let outcome = incidents.look(&found, &Meaning { rule: &alert.rule, message: &message, now_us });
        let channels: Vec<&str> = alert.channels.iter().map(|(name, _)| name.as_str()).collect();
        if outcome != super::incident::Outcome::default() || self.book.entry_is_silent(&alert.name, now_us) {
            // Waits for the disk.
            tokio::task::block_in_place(|| self.book.step(&alert.name, &channels, None, outcome))?;
        }
        Ok(found.len() as u64)
    }
}

#[async_trait]
impl Work for Look {
    async fn run(&self, _: &Run) -> Result<Outcome, Failure> {
        let rows = self.look().await.map_err(|error| Failure::Failed(error.to_string()))?;
        Ok(Outcome { rows: Some(rows), ..Outcome::default() })
    }

    /// What it found is in the book, and the next look finds the same.
    async fn found(&self, _: &Run) -> Option<Outcome> {
        None
    }
}
