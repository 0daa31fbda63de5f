//! Runs one source: its records and its position go into the log in one transaction.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use headwater_base::clock::Clock;
use headwater_log::{Log, Writer};
use headwater_query::relation::Stream;

use super::intake::Records;
use super::{Intake, Progress, Source, Status};
use crate::background::{self, Background, Shared};
use crate::{Error, Result};

/// How long rows wait for company before they are committed, when a source has few.
const WAIT_MAX: Duration = Duration::from_secs(1);

/// A source with its writer in the log, run step by step by whoever owns it.
pub struct Runner {
    source: Box<dyn Source>,
    writer: Box<dyn Writer>,
    records: Records,
    rows: u64,
}

impl Runner {
    /// Goes to where the source's last committed transaction left it. Fences an older runner of the same name.
    pub fn open(
        name: &str,
        mut source: Box<dyn Source>,
        stream: Arc<Stream>,
        log: &dyn Log,
        clock: Arc<dyn Clock>,
    ) -> Result<Runner> {
        let mut writer = log.open_writer(&format!("source/{name}"))?;
        writer.abort()?;
        let position: Option<Bytes> = writer.note();
        source.start(position.as_deref())?;
        Ok(Runner { source, writer, records: Records::new(stream, clock)?, rows: 0 })
    }

    /// Polls once and commits what came, also what came before an error.
    pub fn step(&mut self) -> Result<Progress> {
        let polled = self.source.poll(&mut self.records);
        let goes_on = matches!(polled, Ok(Progress::More));
        if !self.records.is_empty() && (self.records.is_full() || !goes_on) {
            self.commit()?;
        }
        Ok(polled?)
    }

    fn commit(&mut self) -> Result<()> {
        let rows = self.records.len();
        self.records.append(self.writer.as_mut())?;
        self.writer.commit_now(self.source.position().into())?;
        self.rows += rows;
        Ok(())
    }

    /// Rows committed since it was opened.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    pub fn status(&self) -> Status {
        self.source.status()
    }
}

/// What people see of a running source.
#[derive(Debug, Clone, Default)]
pub struct Report {
    pub status: Status,
    /// Rows committed since the start.
    pub rows: u64,
    /// It is read to its end.
    pub ended: bool,
    /// It has nothing for now.
    pub waits: bool,
    /// Why it stopped before.
    pub failure: Option<(String, Option<String>)>,
}

/// A source on a thread of its own. Dropping it stops it after its current step.
pub struct Running(Background<Report>);

/// The reports of a running source.
pub type Reports = background::Reports<Report>;

impl Running {
    pub fn start(name: &str, runner: Runner) -> Result<Running> {
        Background::start("source", name, |shared| serve(shared, runner)).map(Running)
    }

    /// A source that could not even start, with the reason: the node runs without it.
    pub fn failed(name: &str, error: &Error) -> Running {
        let report = Report { failure: Some(error.told()), ..Report::default() };
        Running(Background::never_started(name, report))
    }

    pub fn name(&self) -> &str {
        self.0.name()
    }

    pub fn report(&self) -> Report {
        self.0.report()
    }

    /// Its reports from now on, for somebody on another thread.
    pub fn reports(&self) -> Reports {
        self.0.reports()
    }

    /// It will give no more rows, or has no end and nothing for now.
    pub fn is_over(&self) -> bool {
        let report = self.report();
        report.ended || report.failure.is_some() || (report.waits && report.status.total.is_none())
    }
}

fn serve(shared: &Shared<Report>, mut runner: Runner) {
    while !shared.is_stopping() {
        let stepped = runner.step();
        let mut report = shared.report();
        report.status = runner.status();
        report.rows = runner.rows();
        report.waits = matches!(stepped, Ok(Progress::Wait(_)));
        match stepped {
            Ok(Progress::More) => {}
            Ok(Progress::Wait(time)) => {
                drop(report);
                shared.rest(time.min(WAIT_MAX));
            }
            Ok(Progress::End) => {
                report.ended = true;
                return;
            }
            Err(error) => {
                report.failure = Some(error.told());
                return;
            }
        }
    }
}
