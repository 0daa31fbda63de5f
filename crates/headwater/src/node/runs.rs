//! Runs of a node: what is declared as tasks, and what statements ask of them.

use std::path::Path;
use std::sync::{Arc, Weak};

use chrono::{DateTime, NaiveDate, NaiveDateTime};
use headwater_base::ErrorKind;
use headwater_base::clock::Clock;
use headwater_deploy::alerts::book::Book;
use headwater_deploy::alerts::scheduled::Look;
use headwater_deploy::features::{Compute, Scheduled};
use headwater_deploy::refreshes::Refreshes;
use headwater_deploy::runs::refresh::{Refresh, Stage, inputs_now};
use headwater_deploy::runs::{Asked, Cause, Declared, Kind, Run, Runs, State, Task};
use headwater_deploy::schedule::Schedule;
use headwater_deploy::{Tables, resolve};
use headwater_gateway::{Done, Node as _, Outcome, Problem};
use headwater_log::Log;
use headwater_query::relation::Relation;
use headwater_query::session::Session;
use headwater_sql::ast::{Instant, RefreshView};
use headwater_sql::{Diagnostic, Diagnostics, Fault, Parsed, SourceText};

use super::doors::Doors;
use super::system::Known;
use super::{expectations, experiments};

/// Queries of runs see what runs when they begin.
struct OnDoors {
    doors: Weak<Doors>,
    /// What there was when the doors were still there.
    session: Session,
}

impl Stage for OnDoors {
    fn session(&self) -> Session {
        self.doors.upgrade().map_or_else(|| self.session.clone(), |doors| doors.session())
    }
}

/// What tasks do their work with.
pub struct Ground<'a> {
    pub tables: Arc<Tables>,
    pub doors: &'a Arc<Doors>,
    pub book: &'a Arc<Book>,
    pub clock: &'a Arc<dyn Clock>,
    pub known: &'a Known,
    pub log: &'a Arc<dyn Log>,
    /// The project's folder.
    pub root: &'a Path,
}

/// What is declared, as tasks.
pub fn tasks(ground: &Ground<'_>, declared_all: &resolve::Declared) -> Vec<Declared> {
    let declared = declared_all;
    let Ground { tables, doors, book, clock, known, .. } = ground;
    let stage: Arc<dyn Stage> = Arc::new(OnDoors { doors: Arc::downgrade(doors), session: doors.session() });
    let checks =
        known.results.iter().flat_map(|results| expectations::checks(declared, results, &stage)).collect::<Vec<_>>();
    let analyses = experiments::tasks(known, declared, &stage);
    let alerts = declared.alerts.iter().filter(|alert| alert.enabled && alert.schedule.is_some());
    let refreshes = declared.refreshes.iter().filter(|refreshes| !refreshes.is_paused);
    let task = |refreshes: &Refreshes| Task {
        object: refreshes.table.name.clone(),
        kind: Kind::Refresh,
        schedule: refreshes.schedule.clone(),
        settings: refreshes.settings.runs.clone(),
        after: refreshes.after.clone(),
        fingerprint: refreshes.fingerprint(),
        at_once: true,
        early: false,
    };
    let declared = refreshes.map(|refreshes| {
        let (tables, stage) = (Arc::clone(tables), Arc::clone(&stage));
        let work = Arc::new(Refresh { refreshes: refreshes.clone(), tables, stage });
        Declared { task: task(refreshes), work: expectations::guarded(work, &refreshes.table.name, &checks) }
    });
    let looks = alerts.map(|alert| {
        let (alert, stage) = (Arc::clone(alert), Arc::clone(&stage));
        let look =
            Look { alert, stage, book: Arc::clone(book), clock: Arc::clone(clock), published: doors.published() };
        Declared { task: look.task(), work: Arc::new(look) }
    });
    let features = declared_features(ground, &stage, declared_all);
    let trainings = super::models::tasks(ground, &stage, declared_all, &checks);
    let all = declared.chain(looks).chain(checks.iter().map(expectations::task));
    all.chain(features).chain(trainings).chain(analyses).collect()
}

/// Runs of feature views, as tasks.
fn declared_features(ground: &Ground<'_>, stage: &Arc<dyn Stage>, declared: &resolve::Declared) -> Vec<Declared> {
    let of = |scheduled: &Scheduled| {
        let task = Task {
            object: scheduled.view.name.clone(),
            kind: Kind::Features,
            schedule: scheduled.schedule.clone(),
            settings: scheduled.settings.clone(),
            after: scheduled.after.clone(),
            fingerprint: scheduled.fingerprint(),
            at_once: true,
            early: false,
        };
        let (stage, log, clock) = (Arc::clone(stage), Arc::clone(ground.log), Arc::clone(ground.clock));
        Declared { task, work: Arc::new(Compute { scheduled: scheduled.clone(), stage, log, clock }) }
    };
    declared.features.iter().map(of).collect()
}

/// Asks for what is not up to date once nothing more comes in: what was made of other versions of what it reads, and all
/// that reads it. How many that are.
pub fn finish(runs: &Runs, declared: &resolve::Declared, session: &Session) -> usize {
    let mut asked: Vec<&str> = Vec::new();
    let schedules = runs.schedules();
    let refreshes = declared.refreshes.iter().filter(|refreshes| !refreshes.is_paused);
    let refreshes = refreshes.map(|one| (one.table.name.as_str(), &one.reads, &one.after));
    let features = declared.features.iter().map(|one| (one.view.name.as_str(), &one.reads, &one.after));
    let models = declared.models.iter().map(|one| (one.model.name.as_str(), &one.reads, &one.after));
    for (name, reads, after) in refreshes.chain(features).chain(models) {
        let last = schedules.iter().find(|next| next.object == name).and_then(|next| next.last.as_ref());
        let is_fresh = last.is_some_and(|run| {
            run.state == State::Succeeded && run.range_us.is_none() && run.outcome.inputs == inputs_now(reads, session)
        });
        let follows = after.iter().any(|first| asked.contains(&first.as_str()));
        let is_asked = !is_fresh || follows;
        // Nobody waits for it but the node, which looks at all of them.
        if is_asked && runs.ask(name, Asked { cause: Cause::Final, range_us: None }).is_ok() {
            asked.push(name);
        }
    }
    let alerts = declared.alerts.iter().filter(|alert| alert.enabled && alert.schedule.is_some());
    let looks = alerts.filter(|alert| runs.ask(&alert.name, Asked { cause: Cause::Final, range_us: None }).is_ok());
    let analysed = declared.experiments.iter().filter(|one| !matches!(one.schedule, Schedule::Manual));
    let analyses = analysed.filter(|one| runs.ask(&one.name, Asked { cause: Cause::Final, range_us: None }).is_ok());
    asked.len() + looks.count() + analyses.count()
}

/// What the last run of something came to, where that is a failure.
pub fn failures(runs: &Runs) -> Vec<String> {
    let failed = |run: &Run| match run.state {
        State::Failed | State::Held | State::Skipped | State::Interrupted => {
            let why = run.error.clone().unwrap_or_default();
            Some(format!("the {} of {} {}: {why}", run.kind, run.object, run.state))
        }
        _ => None,
    };
    runs.schedules().iter().filter_map(|next| failed(next.last.as_ref()?)).collect()
}

impl Doors {
    /// Refreshes a view now, or shows what would be made anew.
    pub(super) async fn refresh(&self, refresh: &RefreshView, parsed: &Parsed) -> Result<Outcome, Problem> {
        if refresh.is_feature_view {
            return self.refresh_features(refresh, parsed).await;
        }
        let name = &refresh.name.value;
        let session = self.session();
        let refuse = |span, message: String| Diagnostic::new(parsed.source.clone(), span, message);
        let table = match session.sources().relations.get(name) {
            Some(Relation::Table(table)) if table.is_refreshed() => table,
            Some(Relation::View(_) | Relation::Stream(_)) => {
                let refused = refuse(refresh.name.span, format!("{name} is not refreshed by runs"));
                let hint = match session.sources().relations.feature_view(name) {
                    Some(_) => format!("it is a feature view: REFRESH FEATURE VIEW {}", refresh.name),
                    None => "what is kept up to date all the time needs none".to_owned(),
                };
                return Err(Diagnostics::from(refused.with_fault(Fault::WrongKind).with_hint(hint)).into());
            }
            _ => {
                let refused = refuse(refresh.name.span, format!("there is no materialized view {name}"));
                return Err(Diagnostics::from(refused.with_fault(Fault::NoRelation)).into());
            }
        };
        let range_us = match &refresh.range {
            None => None,
            Some((from, to)) => {
                let (from_us, until_us) = (instant_us(from, parsed)?, instant_us(to, parsed)?);
                if from_us >= until_us {
                    return Err(
                        Diagnostics::from(refuse(to.span, "the end is not after the beginning".to_owned())).into()
                    );
                }
                Some((from_us, until_us))
            }
        };
        let partition = table.partitioned_by.first().map(|at| table.schema.field(*at).clone());
        let is_time = |field: &arrow::datatypes::Field| {
            matches!(field.data_type(), arrow::datatypes::DataType::Date32 | arrow::datatypes::DataType::Timestamp(..))
        };
        if let (Some((from, _)), None) = (&refresh.range, partition.as_ref().filter(|field| is_time(field))) {
            let refused = refuse(from.span, format!("{name} has no partitions of time"));
            let hint = "without FROM and TO all rows are made anew; PARTITIONED BY (a date) has it done in parts";
            return Err(Diagnostics::from(refused.with_hint(hint)).into());
        }
        if refresh.explain {
            let text = preview(name, partition.map(|field| field.name().clone()), range_us);
            return Ok(Outcome::Rows(session.query(&text).await?));
        }
        if self.definitions().get(name).is_some_and(|definition| definition.paused) {
            let refused = refuse(refresh.name.span, format!("{name} is paused"));
            let hint = format!("ALTER MATERIALIZED VIEW {} RESUME first", refresh.name);
            return Err(Diagnostics::from(refused.with_hint(hint)).into());
        }
        let cause = if range_us.is_some() { Cause::Backfill } else { Cause::Manual };
        let asked = self.runs()?.ask(name, Asked { cause, range_us });
        let ended = asked.map_err(Problem::from)?.await.map_err(|_| super::doors::stopping())?;
        done(ended, parsed)
    }

    /// Has a run tell the values of a feature view now.
    async fn refresh_features(&self, refresh: &RefreshView, parsed: &Parsed) -> Result<Outcome, Problem> {
        let name = &refresh.name.value;
        let session = self.session();
        let relations = &session.sources().relations;
        let refuse = |message: String| Diagnostic::new(parsed.source.clone(), refresh.name.span, message);
        if relations.feature_view(name).is_none() {
            let near = headwater_sql::nearest(name, relations.feature_views().map(|view| view.name.as_str()));
            let hint = near.map_or_else(
                || "declare it with CREATE FEATURE VIEW".to_owned(),
                |near| format!("did you mean {near}?"),
            );
            let refused = refuse(format!("there is no feature view {name}")).with_fault(Fault::NoRelation);
            return Err(Diagnostics::from(refused.with_hint(hint)).into());
        }
        let runs = self.runs()?;
        if !runs.schedules().iter().any(|next| next.kind == Kind::Features && next.object == *name) {
            let refused = refuse(format!("{name} is not refreshed by runs")).with_fault(Fault::WrongKind);
            return Err(Diagnostics::from(refused.with_hint("what is kept up to date all the time needs none")).into());
        }
        let asked = runs.ask(name, Asked { cause: Cause::Manual, range_us: None });
        done(asked.map_err(Problem::from)?.await.map_err(|_| super::doors::stopping())?, parsed)
    }

    pub(super) fn runs(&self) -> Result<Arc<Runs>, Problem> {
        self.known().runs.clone().ok_or_else(super::doors::stopping)
    }
}

fn done(run: Run, parsed: &Parsed) -> Result<Outcome, Problem> {
    if run.state == State::Succeeded {
        let rows = run.outcome.rows.unwrap_or_default();
        return Ok(Outcome::Done(Done {
            tag: format!("{} {rows}", parsed.statement.words()),
            notices: run.outcome.messages,
        }));
    }
    let why = run.error.unwrap_or_else(|| run.state.to_string());
    let problem = Problem::new(ErrorKind::Invalid, format!("the refresh of {} {}: {why}", run.object, run.state));
    Err(problem.with_hint("system.runs has each run, with what it read"))
}

/// The rows that would go.
fn preview(name: &str, partition: Option<String>, range_us: Option<(i64, i64)>) -> String {
    let quoted = |name: &str| format!("\"{}\"", name.replace('"', "\"\""));
    let name = quoted(name);
    let Some(partition) = partition.map(|column| quoted(&column)) else {
        return format!("SELECT count(*) AS rows_now FROM {name}");
    };
    let within = range_us.map(|(from_us, until_us)| {
        let text =
            |us| DateTime::from_timestamp_micros(us).unwrap_or_default().format("%Y-%m-%d %H:%M:%S%.6f").to_string();
        let (from, until) = (text(from_us), text(until_us));
        format!(" WHERE {partition} >= TIMESTAMP '{from}' AND {partition} < TIMESTAMP '{until}'")
    });
    let within = within.unwrap_or_default();
    format!(
        "SELECT {partition} AS partition, count(*) AS rows_now FROM {name}{within} GROUP BY {partition} ORDER BY {partition}"
    )
}

/// Microseconds UTC.
fn instant_us(written: &Instant, parsed: &Parsed) -> Result<i64, Problem> {
    let text = written.text.trim();
    let day = || NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?.and_hms_opt(0, 0, 0).map(|at| at.and_utc());
    let time = |form: &str| NaiveDateTime::parse_from_str(text, form).ok().map(|at| at.and_utc());
    let offset = || DateTime::parse_from_rfc3339(text).ok().map(|at| at.to_utc());
    let forms = ["%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M"];
    let found = day().or_else(offset).or_else(|| forms.iter().find_map(|form| time(form)));
    found.map(|at| at.timestamp_micros()).ok_or_else(|| {
        let message = format!("'{text}' is no day and no time");
        let refused = Diagnostic::new(SourceText::clone(&parsed.source), written.span, message);
        Diagnostics::from(refused.with_hint("write it like '2026-01-31' or '2026-01-31 12:00:00'")).into()
    })
}
