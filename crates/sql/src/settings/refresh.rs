//! Settings of what runs by a schedule, first of all of views.

use std::time::Duration;

use crate::ast::CreateMaterializedView;
use crate::{Diagnostic, Diagnostics, Options};

/// Attempts after a first one that failed; more would hide that something is broken.
const RETRIES_MAX: i64 = 100;

const CATCH_UPS: [(&str, CatchUp); 3] = [("all", CatchUp::All), ("latest", CatchUp::Latest), ("none", CatchUp::None)];
const REPLACES: [(&str, Replace); 2] = [("all", Replace::All), ("partitions", Replace::Partitions)];

/// How runs are made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunSettings {
    /// How often a run that failed is tried again.
    pub retries: u32,
    /// How long after the first attempt; twice as long after each further one.
    pub retry_delay: Duration,
    /// After how long a run is ended. None: never.
    pub timeout: Option<Duration>,
    pub catch_up: CatchUp,
    /// Whose places its runs take. None: that of all runs of its kind.
    pub pool: Option<String>,
}

/// Which of the runs that were due while no node was there are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CatchUp {
    /// Each, the oldest first.
    All,
    /// The last one.
    Latest,
    None,
}

/// How a view is refreshed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefreshSettings {
    pub runs: RunSettings,
    pub replace: Replace,
    /// How far before the time of a run the partitions begin that it makes anew.
    pub lookback: Duration,
}

/// What a run makes anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Replace {
    /// All rows.
    All,
    /// The partitions of a stretch of time.
    Partitions,
}

impl RunSettings {
    /// Where nothing else can be said.
    pub fn read(options: &Options) -> Result<RunSettings, Diagnostics> {
        let mut options = options.clone();
        let settings = RunSettings::take(&mut options)?;
        options.finish()?;
        Ok(settings)
    }

    /// Takes them out of `options`, where others may stand too.
    pub fn take(options: &mut Options) -> Result<RunSettings, Diagnostics> {
        Ok(RunSettings {
            retries: retries(options)?.unwrap_or(0),
            retry_delay: options.take_duration("retry_delay")?.unwrap_or(Duration::from_secs(60)),
            timeout: options.take_duration("timeout")?.filter(|timeout| !timeout.is_zero()),
            catch_up: options.take_choice("catch_up", &CATCH_UPS)?.unwrap_or(CatchUp::Latest),
            pool: options.take_text("pool")?,
        })
    }
}

impl RefreshSettings {
    pub fn read(options: &Options) -> Result<RefreshSettings, Diagnostics> {
        let mut options = options.clone();
        let runs = RunSettings::take(&mut options)?;
        let replace = options.take_choice("replace", &REPLACES)?.unwrap_or(Replace::All);
        let lookback = options.entries().iter().find(|entry| entry.name.value == "lookback").cloned();
        let settings = RefreshSettings {
            runs,
            replace,
            lookback: options.take_duration("lookback")?.unwrap_or(Duration::from_secs(24 * 60 * 60)),
        };
        if let Some(entry) = lookback.filter(|_| replace == Replace::All) {
            let refused = options.refuse(&entry, "each run makes all rows anew, however far it looks back");
            return Err(refused.with_hint("say which ones: replace = 'partitions'").into());
        }
        options.finish()?;
        Ok(settings)
    }
}

impl CreateMaterializedView {
    /// Of a view that is refreshed by a schedule.
    pub fn refresh_settings(&self) -> Result<RefreshSettings, Diagnostics> {
        RefreshSettings::read(&self.options)
    }
}

fn retries(options: &mut Options) -> Result<Option<u32>, Diagnostic> {
    let written = options.entries().iter().find(|entry| entry.name.value == "retries").cloned();
    let Some(number) = options.take_integer("retries")? else { return Ok(None) };
    match (u32::try_from(number).ok().filter(|_| number <= RETRIES_MAX), written) {
        (None, Some(entry)) => Err(options.refuse(&entry, format!("retries must be 0 to {RETRIES_MAX}"))),
        (fits, _) => Ok(fits),
    }
}
