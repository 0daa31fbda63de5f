//! The extended protocol: statements are prepared once, bound to values, described, and run in portions.

use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use bytes::BufMut;
use datafusion::common::ScalarValue;
use headwater_query::session::prepared::Prepared as Plan;
use headwater_sql::session::{self, Command};
use headwater_sql::{SourceText, Statement};

use super::bind::Bound;
use super::connection::{Connection, End};
use super::encode::Form;
use super::failure::{DUPLICATE_STATEMENT, Failure, NO_CURSOR, NO_STATEMENT, SYNTAX};
use super::parameters::{Answer, only_reads};
use super::rows::{DataRows, Running};
use super::transaction::Block;
use super::wire::{Body, Broken};
use super::{catalog, oids, simple};

/// Prepared statements, or portals, of one connection.
const NAMES_MAX: usize = 10_000;

/// A statement that was parsed, and planned if it is a query.
pub struct Prepared {
    pub source: SourceText,
    /// None: the text is empty.
    command: Option<Command>,
    pub plan: Option<Plan>,
    /// Identifiers of the parameters' types.
    pub oids: Vec<u32>,
}

/// A statement with its values.
pub struct Portal {
    prepared: Arc<Prepared>,
    values: Vec<ScalarValue>,
    /// What runs where it is not the plan: the statement with its values in it.
    command: Option<Command>,
    /// One for each column, one for all, or none, which is text.
    forms: Vec<Form>,
    state: State,
}

enum State {
    New,
    Running(Running, &'static str),
    Done,
}

impl Connection {
    pub async fn extended(&mut self, tag: u8, body: Body) -> Result<(), End> {
        match tag {
            b'P' => self.prepare(body),
            b'B' => self.bind(body),
            b'D' => self.describe_one(body).await,
            b'E' => self.execute(body).await,
            _ => self.close(body),
        }
    }

    fn prepare(&mut self, mut body: Body) -> Result<(), End> {
        let (name, text) = (body.text()?, body.text()?);
        let count = body.count()?;
        let declared = (0..count).map(|_| body.int32().map(|oid| oid as u32)).collect::<Result<Vec<_>, Broken>>()?;
        self.begin_statement();
        if !name.is_empty() && self.prepared.contains_key(&name) {
            return Err(
                Failure::new(DUPLICATE_STATEMENT, format!("there is a prepared statement {name} already")).into()
            );
        }
        room(self.prepared.len(), "prepared statements")?;
        let source = SourceText::new("query", text);
        let mut commands = simple::read(&source)?;
        if commands.len() > 1 {
            let refused = Failure::new(SYNTAX, "a prepared statement is one statement, not several");
            return Err(refused.hint("prepare each by itself, or send them by the simple protocol").into());
        }
        let command = commands.pop();
        if !ends_block(command.as_ref()) {
            self.may_run()?;
        }
        let prepared = self.planned(source, command, declared)?;
        self.prepared.insert(name, Arc::new(prepared));
        self.wire.put(b'1', |_| {});
        Ok(())
    }

    fn planned(
        &self,
        source: SourceText,
        command: Option<Command>,
        mut declared: Vec<u32>,
    ) -> Result<Prepared, Failure> {
        if let Some(Command::Ours(parsed)) = &command
            && let Statement::Query(_) | Statement::Explain(_) = &parsed.statement
        {
            let known: Vec<_> = declared.iter().map(|oid| oids::arrow(*oid)).collect();
            let plan = self.session(&parsed.text).prepare(&catalog::rewritten(parsed), &known)?;
            let told = plan.parameters.iter().enumerate();
            let oids = told.map(|(at, arrow)| match declared.get(at) {
                Some(oid) if *oid != 0 && oids::arrow(*oid).is_some() => *oid,
                _ => oids::oid(arrow),
            });
            return Ok(Prepared { source, command, oids: oids.collect(), plan: Some(plan) });
        }
        let count = session::parameters(&source)?;
        declared.resize(count.max(declared.len()), 0);
        declared.iter_mut().filter(|oid| **oid == 0).for_each(|oid| *oid = oids::UNKNOWN);
        Ok(Prepared { source, command, oids: declared, plan: None })
    }

    fn bind(&mut self, body: Body) -> Result<(), End> {
        let bound = Bound::read(body)?;
        let missing =
            || Failure::new(NO_STATEMENT, format!("there is no prepared statement {}", shown(&bound.prepared)));
        let mut prepared = Arc::clone(self.prepared.get(&bound.prepared).ok_or_else(missing)?);
        if !ends_block(prepared.command.as_ref()) {
            self.may_run()?;
        }
        if !bound.portal.is_empty() && self.portals.contains_key(&bound.portal) {
            let taken = format!("there is a portal {} already", bound.portal);
            return Err(Failure::new(super::failure::DUPLICATE_CURSOR, taken).into());
        }
        room(self.portals.len(), "portals")?;
        if let Some(plan) = &prepared.plan
            && let Some(renewed) = self.session_of(&prepared, plan).renewed(plan).map_err(Failure::from)?
        {
            let Prepared { source, command, oids, .. } = prepared.as_ref();
            let (source, command, oids) = (source.clone(), command.clone(), oids.clone());
            prepared = Arc::new(Prepared { source, command, oids, plan: Some(renewed) });
            self.prepared.insert(bound.prepared.clone(), Arc::clone(&prepared));
        }
        let (values, command) = match &prepared.plan {
            Some(plan) => (bound.values(&prepared.oids, &plan.parameters)?, None),
            None if prepared.oids.is_empty() => (bound.values(&[], &[])?, prepared.command.clone()),
            None => {
                let filled =
                    session::fill(&prepared.source, &bound.literals(&prepared.oids)?).map_err(Failure::from)?;
                (Vec::new(), simple::read(&filled)?.pop())
            }
        };
        let portal = Portal { prepared, values, command, forms: bound.forms, state: State::New };
        self.portals.insert(bound.portal, portal);
        self.wire.put(b'2', |_| {});
        Ok(())
    }

    async fn describe_one(&mut self, mut body: Body) -> Result<(), End> {
        let (kind, name) = (body.byte()?, body.text()?);
        match kind {
            b'S' => {
                let missing = || Failure::new(NO_STATEMENT, format!("there is no prepared statement {}", shown(&name)));
                let prepared = Arc::clone(self.prepared.get(&name).ok_or_else(missing)?);
                self.wire.put(b't', |out| {
                    out.put_u16(prepared.oids.len() as u16);
                    prepared.oids.iter().for_each(|oid| out.put_u32(*oid));
                });
                let (schema, _) = self.schema_of(&prepared, prepared.command.as_ref()).await?;
                self.describe_rows(schema, &[])
            }
            // A cursor is a portal to those who describe it.
            b'P' if !self.portals.contains_key(&name) && self.cursors.contains_key(&name) => {
                let schema = self.cursor_schema(&name)?;
                self.describe_rows(Some(schema), &[])
            }
            b'P' => {
                let mut portal = self.portals.remove(&name).ok_or_else(|| no_portal(&name))?;
                let schema = match &portal.state {
                    State::Running(running, _) => Some(SchemaRef::clone(&running.schema)),
                    _ => {
                        let command = portal.command.as_ref().or(portal.prepared.command.as_ref());
                        let (schema, running) = self.schema_of(&portal.prepared, command).await?;
                        if let Some((running, word)) = running {
                            portal.state = State::Running(running, word);
                        }
                        schema
                    }
                };
                let forms = match &schema {
                    Some(schema) => spread(&portal.forms, schema.fields().len())?,
                    None => Vec::new(),
                };
                self.portals.insert(name, portal);
                self.describe_rows(schema, &forms)
            }
            other => Err(Broken::Protocol(format!("nothing of kind {} is described", other.escape_ascii())).into()),
        }
    }

    /// The columns of a statement. Where only running it tells them, it is run, since it only reads.
    async fn schema_of(
        &mut self,
        prepared: &Prepared,
        command: Option<&Command>,
    ) -> Result<(Option<SchemaRef>, Option<(Running, &'static str)>), End> {
        match (&prepared.plan, command) {
            (Some(plan), _) => Ok((Some(SchemaRef::clone(&plan.schema)), None)),
            (None, Some(Command::Session(statement, _))) => Ok((self.session_schema(statement)?, None)),
            (None, Some(command @ Command::Ours(parsed))) if only_reads(parsed.statement.words()) => {
                match self.start(command).await? {
                    Answer::Rows(running, word) => Ok((Some(SchemaRef::clone(&running.schema)), Some((running, word)))),
                    _ => Ok((None, None)),
                }
            }
            _ => Ok((None, None)),
        }
    }

    fn describe_rows(&mut self, schema: Option<SchemaRef>, forms: &[Form]) -> Result<(), End> {
        match schema {
            Some(schema) => self.describe(&schema, forms)?,
            None => self.wire.put(b'n', |_| {}),
        }
        Ok(())
    }

    async fn execute(&mut self, mut body: Body) -> Result<(), End> {
        let (name, most) = (body.text()?, body.int32()?);
        let most = u64::try_from(most).ok().filter(|most| *most > 0);
        let mut portal = self.portals.remove(&name).ok_or_else(|| no_portal(&name))?;
        self.begin_statement();
        let in_block = self.block != Block::Idle;
        self.execute_portal(&mut portal, most).await?;
        // The end of a transaction has closed its portals.
        if !in_block || self.block != Block::Idle {
            self.portals.insert(name, portal);
        }
        Ok(())
    }

    async fn execute_portal(&mut self, portal: &mut Portal, most: Option<u64>) -> Result<(), End> {
        if let State::New = portal.state {
            let Some(answer) = self.start_portal(portal).await? else {
                self.wire.put(b'I', |_| {});
                return Ok(());
            };
            portal.state = State::Done;
            let tag = match answer {
                Answer::Rows(running, word) => {
                    portal.state = State::Running(running, word);
                    return self.portion(portal, most).await;
                }
                Answer::Done(tag) => tag,
                Answer::Fetch { name, count, moves } => {
                    let columns = self.cursor_schema(&name)?.fields().len();
                    let forms = spread(&portal.forms, columns)?;
                    self.fetch(&name, count, moves, Some(forms)).await?
                }
                Answer::Copy(copy) => self.copy(&copy).await?,
            };
            self.complete(&tag);
            return Ok(());
        }
        self.portion(portal, most).await
    }

    async fn start_portal(&mut self, portal: &mut Portal) -> Result<Option<Answer>, End> {
        if let Some(plan) = &portal.prepared.plan {
            self.may_run()?;
            let session = self.session_of(&portal.prepared, plan);
            let result = self.watched(session.run_prepared(plan, portal.values.clone())).await?;
            let word = match &portal.prepared.command {
                Some(Command::Ours(parsed)) => parsed.statement.words(),
                _ => "SELECT",
            };
            return Ok(Some(Answer::Rows(result.map_err(Failure::from)?.into(), word)));
        }
        match &portal.command {
            Some(command) => self.start(command).await.map(Some),
            None => Ok(None),
        }
    }

    /// Sends the rows that are asked for now.
    async fn portion(&mut self, portal: &mut Portal, most: Option<u64>) -> Result<(), End> {
        let State::Running(running, word) = &mut portal.state else {
            self.complete("SELECT 0");
            return Ok(());
        };
        let forms = spread(&portal.forms, running.schema.fields().len())?;
        let sent = self.send(running, &mut DataRows(&forms), most).await?;
        if sent.all {
            let tag = simple::tag(word, sent.rows);
            self.complete(&tag);
            portal.state = State::Done;
        } else {
            self.wire.put(b's', |_| {});
        }
        Ok(())
    }

    fn close(&mut self, mut body: Body) -> Result<(), End> {
        let (kind, name) = (body.byte()?, body.text()?);
        // Closing what is not there is no error.
        match kind {
            b'S' => drop(self.prepared.remove(&name)),
            b'P' => {
                drop(self.portals.remove(&name));
                drop(self.cursors.remove(&name));
            }
            other => return Err(Broken::Protocol(format!("nothing of kind {} is closed", other.escape_ascii())).into()),
        }
        self.wire.put(b'3', |_| {});
        Ok(())
    }
}

/// A form for each column.
fn spread(forms: &[Form], columns: usize) -> Result<Vec<Form>, Failure> {
    match forms {
        [] => Ok(vec![Form::Text; columns]),
        [one] => Ok(vec![*one; columns]),
        each if each.len() == columns => Ok(each.to_vec()),
        other => {
            let message = format!("{} formats came for {columns} columns", other.len());
            Err(Failure::new(super::failure::PROTOCOL, message))
        }
    }
}

/// Whether a statement is one that a failed transaction takes.
fn ends_block(command: Option<&Command>) -> bool {
    matches!(command, None | Some(Command::Session(session::Statement::Transaction(_), _)))
}

fn room(taken: usize, what: &str) -> Result<(), Failure> {
    if taken < NAMES_MAX {
        return Ok(());
    }
    let refused = Failure::new("53400", format!("a connection has at most {NAMES_MAX} {what}"));
    Err(refused.hint("close those that are not needed"))
}

fn no_portal(name: &str) -> Failure {
    Failure::new(NO_CURSOR, format!("there is no portal {}", shown(name)))
}

fn shown(name: &str) -> &str {
    if name.is_empty() { "without a name" } else { name }
}
