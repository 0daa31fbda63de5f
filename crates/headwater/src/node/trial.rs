//! A project's own tests: each in a world of its own, in memory, with time in the test's hands.
//!
//! The world is a node without doors, sources and sinks: rows come from the test alone, and event time passes where the
//! test says so. Append times lie far ahead of all events, so that none is from the future.

mod expect;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use arrow::array::{Array, AsArray, RecordBatch};
use arrow::compute::concat_batches;
use arrow::datatypes::{Field, Schema, TimestampMicrosecondType};
use headwater_base::clock::{Clock, ManualClock};
use headwater_base::files::Files;
use headwater_base::files::simulated::Simulated;
use headwater_base::objects::Objects;
use headwater_deploy::sources::{self, Declared, Origin};
use headwater_deploy::{Ground, Running, Tables, resolve};
use headwater_gateway::ingest;
use headwater_lake::Lake;
use headwater_log::embedded::Options as LogOptions;
use headwater_log::{EmbeddedLog, Log};
use headwater_query::provide::files::Places;
use headwater_query::relation::{Relation, Stream};
use headwater_query::session::Session;
use headwater_sql::ast::{Action, Given, GivenRows, Moment, Name, ProjectTest, Query, Refresh};
use headwater_sql::{Diagnostic, Parsed, SourceText, Span, Statement, nearest};
use headwater_stream::engine::{self, Step};
use headwater_stream::sink::archive::Board;
use headwater_stream::source::Progress;
use headwater_stream::source::runner::Runner;
use object_store::ObjectStore;
use object_store::path::Path as ObjectPath;
use tokio::runtime::Runtime;

use super::doors::Outside;
use super::system::Known;
use super::{current, rows};
use crate::report;
use crate::storage::client::Others;
use expect::Difference;

/// Append times begin here: the year 2200, microseconds.
const ARRIVAL_US: i64 = 7_258_118_400_000_000;

/// What became of one test.
pub enum Outcome {
    Passed,
    /// What was found is not what was expected, or a step could not be made: what to show.
    Failed(String),
}

/// Runs one test over a project's statements. `root` is the project's folder, where relative paths begin.
pub fn run(test: &ProjectTest, statements: &[Parsed], root: &Path) -> Result<Outcome> {
    // What a deployment logs is no news here.
    let _quiet = tracing::subscriber::set_default(tracing::subscriber::NoSubscriber::default());
    let mut trial = Trial::new(statements, root)?;
    let folder = Path::new(&*test.source.name).parent().map(Path::to_path_buf).unwrap_or_default();
    for step in &test.steps {
        let failed = match &step.action {
            Action::Given(given) => trial.give(given, test, &folder).err().map(|error| report::text(&error)),
            Action::Time(moment) => trial.tell_time(moment, test).err().map(|error| report::text(&error)),
            Action::Expect(expected) => match trial.expect(expected, &test.source) {
                Ok(None) => None,
                Ok(Some(Difference { what, rows })) => {
                    let place = Diagnostic::new(test.source.clone(), step.span, what);
                    Some(format!("{}\n{rows}", place.to_string().trim_end()))
                }
                Err(error) => Some(report::text(&error)),
            },
        };
        if let Some(failed) = failed {
            return Ok(Outcome::Failed(failed));
        }
    }
    Ok(Outcome::Passed)
}

/// The world of one test.
struct Trial {
    running: Running,
    runtime: Arc<Runtime>,
    clock: Arc<ManualClock>,
    log: Arc<dyn Log>,
    /// Files that were given, so that each has a place of its own in the log.
    given: usize,
}

/// Views that runs refresh are their queries: a test waits for no run.
fn always_fresh(statements: &[Parsed]) -> Result<Vec<Parsed>> {
    let plain = |parsed: &Parsed| match &parsed.statement {
        Statement::CreateMaterializedView(create) if create.refresh != Refresh::Continuous => {
            // What a schedule says is checked as everywhere.
            let text = create.as_plain_view().to_sql();
            let plain = headwater_sql::parse(&SourceText::new(parsed.source.name.clone(), text))?.pop();
            plain.context("a view was lost")
        }
        _ => Ok(parsed.clone()),
    };
    statements.iter().map(plain).collect()
}

impl Trial {
    fn new(statements: &[Parsed], root: &Path) -> Result<Trial> {
        let clock = ManualClock::at(ARRIVAL_US);
        let disk = Simulated::with_clock(0, clock.clone());
        let files: Arc<dyn Files> = disk.shared();
        files.create_folders(Path::new("/data"))?;
        let log = EmbeddedLog::open(disk.shared(), Path::new("/data/log"), clock.clone(), LogOptions::default())?;
        let log: Arc<dyn Log> = Arc::new(log);
        let store: Arc<dyn ObjectStore> = Arc::new(Objects::open(files, Path::new("/data"))?);
        let lake = Arc::new(Lake::new(store.clone(), ObjectPath::from("lake")).with_clock(clock.clone()));
        let runtime = Arc::new(tokio::runtime::Builder::new_current_thread().enable_all().build()?);
        let mut running = Running::open(Ground {
            log: log.clone(),
            tables: Arc::new(Tables::new(lake.clone(), Places::new(root.to_path_buf(), Arc::new(Others)))),
            lake,
            board: Board::default(),
            store,
            clock: clock.clone(),
            runtime: runtime.clone(),
            options: engine::Options { threads: false, ..engine::Options::default() },
        })?;
        let prepared = running.plan_project(resolve::project(always_fresh(statements)?))?;
        running.apply(prepared)?;
        Ok(Trial { running, runtime, clock, log, given: 0 })
    }

    /// What can be asked now.
    fn session(&mut self) -> Result<Session> {
        let clock: Arc<dyn Clock> = self.clock.clone();
        let spill = std::env::temp_dir();
        Ok(current(&mut self.running, &self.log, &clock, &spill, &Known::default(), Outside::default())?.session)
    }

    /// The rows of a query that stands in the test.
    fn rows(&mut self, query: &Query, source: &SourceText) -> Result<(arrow::datatypes::SchemaRef, Vec<RecordBatch>)> {
        let session = self.session()?;
        let parsed = Parsed {
            statement: Statement::Query(query.clone()),
            span: query.span,
            text: query.text.clone(),
            source: source.clone(),
        };
        self.runtime.block_on(async {
            let result = session.run(&parsed).await?;
            let schema = Arc::clone(&result.schema);
            Ok((schema, result.collect().await?))
        })
    }

    /// As [`Trial::rows`], of a text that was made from the test's words.
    fn asked(&mut self, text: &str) -> Result<(arrow::datatypes::SchemaRef, Vec<RecordBatch>)> {
        let session = self.session()?;
        self.runtime.block_on(async {
            let result = session.query(text).await?;
            let schema = Arc::clone(&result.schema);
            Ok((schema, result.collect().await?))
        })
    }

    fn give(&mut self, given: &Given, test: &ProjectTest, folder: &Path) -> Result<()> {
        let relations = Arc::clone(&self.running.declared().relations);
        let name = &given.stream.value;
        let refuse = |message: String| Diagnostic::new(test.source.clone(), given.stream.span, message);
        let target = match relations.get(name) {
            Some(Relation::Table(table)) => Target::Table(table),
            Some(_) => match ingest::target(&relations, name).map_err(|problem| refuse(problem.to_string()))? {
                Some(stream) => Target::Stream(stream),
                None => return Err(refuse(format!("nothing can be given to {name}")).into()),
            },
            None => {
                let refused = refuse(format!("there is no stream {name}"));
                return Err(match nearest(name, relations.names()) {
                    Some(near) => refused.with_hint(format!("did you mean {near}?")).into(),
                    None => refused.into(),
                });
            }
        };
        match (&given.rows, target) {
            (GivenRows::Values { columns, values }, target) => self.give_values(&target, columns, values, test)?,
            (GivenRows::File { path, format, format_span, path_span }, Target::Stream(stream)) => {
                let format = format.as_deref().map(|format| (format, *format_span));
                let failed = || Diagnostic::new(test.source.clone(), *path_span, format!("{path} could not be given"));
                self.give_file(&stream, &folder.join(path), format, test).with_context(|| failed().to_string())?;
            }
            (GivenRows::File { path_span, .. }, Target::Table(_)) => {
                let message = "files for tables are not built yet";
                return Err(Diagnostic::new(test.source.clone(), *path_span, message).into());
            }
        }
        self.catch_up()
    }

    fn give_values(&mut self, target: &Target, columns: &[Name], values: &Query, test: &ProjectTest) -> Result<()> {
        let (_, batches) = self.rows(values, &test.source)?;
        let schema = match target {
            // A row without a value for NOT NULL is for the stream to refuse.
            Target::Stream(stream) => {
                let fields = stream.schema.fields().iter().map(|field| field.as_ref().clone().with_nullable(true));
                Arc::new(Schema::new(fields.collect::<Vec<Field>>()))
            }
            Target::Table(table) => Arc::clone(&table.schema),
        };
        let columns = rows::columns(columns, &schema, &test.source)?;
        let width = batches.first().map_or(columns.len(), RecordBatch::num_columns);
        if width != columns.len() {
            let message = format!("the rows have {width} values, and there are {} columns to be filled", columns.len());
            return Err(Diagnostic::new(test.source.clone(), values.span, message).into());
        }
        let filled = batches.iter().map(|batch| rows::fill(batch, &columns, &schema));
        let filled = filled.collect::<Result<Vec<_>, _>>();
        let filled =
            filled.map_err(|problem| Diagnostic::new(test.source.clone(), values.span, problem.to_string()))?;
        let all = concat_batches(&schema, &filled)?;
        match target {
            Target::Stream(stream) => {
                let loose = Arc::new(Stream { schema, ..stream.as_ref().clone() });
                let now_ms = self.clock.now_us() / 1000;
                ingest::encoded(&loose, &all)?.append(self.log.as_ref(), now_ms, 0)?;
            }
            Target::Table(table) => {
                let tables = self.running.tables();
                self.runtime.block_on(tables.insert(table, &[all]))?;
            }
        }
        Ok(())
    }

    /// Reads a file as a source would.
    fn give_file(
        &mut self,
        stream: &Arc<Stream>,
        path: &Path,
        format: Option<(&str, Span)>,
        test: &ProjectTest,
    ) -> Result<()> {
        let path = path.display().to_string();
        let format = match format {
            None => sources::by_extension(&path).unwrap_or(stream.format),
            Some(("csv", _)) => headwater_format::Format::Csv,
            Some(("json", _)) => headwater_format::Format::Json,
            Some((other, span)) => {
                let refused = Diagnostic::new(test.source.clone(), span, format!("there is no format {other}"));
                return Err(refused.with_hint("the formats are csv and json").into());
            }
        };
        self.given += 1;
        let place = format!("given {}", self.given);
        let files = sources::Files { path, format, follow: false, speed: None };
        let declared = Declared {
            name: place.clone(),
            stream: Arc::clone(stream),
            enabled: true,
            place: place.clone(),
            origin: Origin::Files(files),
        };
        let disk = headwater_base::files::disk::Disk::shared();
        let clock: Arc<dyn Clock> = self.clock.clone();
        // Paths of a test begin in its own folder, which is told from where the command runs.
        let here = std::env::current_dir()?;
        let source = crate::sources::open(&declared, &disk, &here, &clock, &Arc::default())?;
        let mut runner = Runner::open(&place, source, Arc::clone(stream), self.log.as_ref(), clock)?;
        while !matches!(runner.step()?, Progress::End) {}
        Ok(())
    }

    /// Until there is nothing left to do.
    fn catch_up(&mut self) -> Result<()> {
        loop {
            while !matches!(self.running.step()?, Step::Idle(_)) {}
            self.running.settle()?;
            if self.running.is_settled()? {
                return Ok(());
            }
        }
    }

    /// It is so late that no earlier event will come.
    fn tell_time(&mut self, moment: &Moment, test: &ProjectTest) -> Result<()> {
        let text = format!("SELECT CAST('{}' AS TIMESTAMP)", moment.text.replace('\'', "''"));
        let refuse = || Diagnostic::new(test.source.clone(), moment.span, format!("'{}' is no time", moment.text));
        let Ok((_, rows)) = self.asked(&text) else {
            return Err(refuse().with_hint("write it as '2026-01-01 00:02:00'").into());
        };
        let time = rows.first().and_then(|batch| batch.column(0).as_primitive_opt::<TimestampMicrosecondType>());
        let time = time.filter(|time| !time.is_empty() && time.is_valid(0)).ok_or_else(refuse)?.value(0);
        self.clock.advance(Duration::from_secs(1));
        self.running.engine()?.advance_watermarks(time);
        self.catch_up()
    }
}

enum Target {
    Stream(Arc<Stream>),
    Table(Arc<headwater_query::relation::Table>),
}
