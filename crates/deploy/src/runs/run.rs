//! A run as it is remembered.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::Inputs;

/// One execution. Times are microseconds UTC.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// Unique in a data folder; later runs have greater ones.
    pub id: u64,
    /// What runs.
    pub object: String,
    pub kind: Kind,
    pub cause: Cause,
    pub state: State,
    /// 1 for the first.
    pub attempt: u32,
    /// What time the run is for: `now()` says it in what is run by a schedule.
    pub due_us: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub began_us: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_us: Option<i64>,
    /// The stretch of time that it makes anew, where somebody named one; the end is not included.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub range_us: Option<(i64, i64)>,
    /// Of the definition by which it ran.
    pub fingerprint: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    #[serde(default)]
    pub outcome: Outcome,
}

/// What a run came to.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// Rows and bytes that it wrote.
    pub rows: Option<u64>,
    pub bytes: Option<u64>,
    /// Time that operators computed, over all threads.
    pub cpu_ms: Option<f64>,
    /// Versions of what it read.
    pub inputs: Inputs,
    /// The version of the table that it wrote.
    pub output_version: Option<i64>,
    /// What else there is to know.
    pub messages: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    Refresh,
    Check,
    Alert,
    Training,
    /// Values of a feature view.
    Features,
    Analysis,
}

impl Kind {
    /// Where runs take their places of which nothing is said.
    pub fn pool(self) -> &'static str {
        match self {
            Kind::Refresh => "refreshes",
            Kind::Check => "checks",
            Kind::Alert => "alerts",
            Kind::Training => "trainings",
            Kind::Features => "features",
            Kind::Analysis => "analyses",
        }
    }
}

/// Why there is a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// It was due.
    Schedule,
    /// Its definition is new.
    Created,
    /// Its definition was new not long ago, and more may have come since.
    Early,
    /// Somebody asked.
    Manual,
    /// Somebody asked for a stretch of time.
    Backfill,
    /// It was due when no node was there.
    CatchUp,
    /// A checkpoint was taken.
    Checkpoint,
    /// The end of all input was reached, and it was not up to date.
    Final,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// It waits for what comes first.
    Queued,
    Running,
    Succeeded,
    Failed,
    /// What has to be true before it is not.
    Held,
    /// Its node was killed before it had done anything that counts.
    Interrupted,
    /// What it reads was not made.
    Skipped,
}

impl State {
    pub fn is_over(self) -> bool {
        !matches!(self, State::Queued | State::Running)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Kind::Refresh => "refresh",
            Kind::Check => "check",
            Kind::Alert => "alert",
            Kind::Training => "training",
            Kind::Features => "features",
            Kind::Analysis => "analysis",
        })
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Cause::Schedule => "schedule",
            Cause::Created => "created",
            Cause::Early => "early",
            Cause::Manual => "manual",
            Cause::Backfill => "backfill",
            Cause::CatchUp => "catch-up",
            Cause::Checkpoint => "checkpoint",
            Cause::Final => "final",
        })
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            State::Queued => "queued",
            State::Running => "running",
            State::Succeeded => "succeeded",
            State::Failed => "failed",
            State::Held => "held",
            State::Interrupted => "interrupted",
            State::Skipped => "skipped",
        })
    }
}
