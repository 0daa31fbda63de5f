//! `INSERT`, `UPDATE` and `DELETE`: statements that write rows, on whatever thread asks.

use std::sync::Arc;
use std::time::Duration;

use arrow::array::{ArrayRef, AsArray, BooleanArray, RecordBatch, new_null_array};
use arrow::compute::{CastOptions, cast_with_options, concat_batches, not};
use arrow::datatypes::{FieldRef, Int64Type, SchemaRef};
use futures::TryStreamExt;
use headwater_base::ErrorKind;
use headwater_base::clock::Clock;
use headwater_deploy::Tables;
use headwater_gateway::ingest::load::Loads;
use headwater_gateway::ingest::{self, Appended};
use headwater_gateway::{Done, Problem, Reason};
use headwater_lake::Stays;
use headwater_query::provide::StoredTables;
use headwater_query::relation::{Place, Relation, Stream, Table, qualified};
use headwater_query::session::Session;
use headwater_query::session::condition::Condition;
use headwater_query::sqltype::sql_name;
use headwater_sql::ast::{Delete, Insert, Name, RelationName, Update};
use headwater_sql::{Diagnostic, Diagnostics, Fault, Parsed, SourceText, Statement, nearest};
use headwater_stream::engine::published::{Inner, Published};

/// What one INSERT may hold in memory, as its rows are appended together.
const INSERT_BYTES_MAX: usize = 256 << 20;

/// How long an INSERT waits for its rows to be seen by queries. They are safe before that.
const SEEN_WITHIN: Duration = Duration::from_secs(2);

/// What the statements work on.
pub struct Ground {
    pub session: Session,
    pub tables: Arc<Tables>,
    pub loads: Arc<Loads>,
    pub published: Arc<Published>,
    pub clock: Arc<dyn Clock>,
}

/// Where rows go.
enum Target {
    Stream(Arc<Stream>),
    Table(Arc<Table>),
}

impl Target {
    fn schema(&self) -> &SchemaRef {
        match self {
            Target::Stream(stream) => &stream.schema,
            Target::Table(table) => &table.schema,
        }
    }
}

impl Ground {
    pub async fn insert(&self, insert: &Insert, parsed: &Parsed) -> Result<Done, Problem> {
        let target = self.target(&insert.into, &parsed.source)?;
        let columns = columns(&insert.columns, target.schema(), &parsed.source)?;
        let query = Parsed { statement: Statement::Query(insert.query.clone()), ..parsed.clone() };
        let given = self.session.run(&query).await?;
        let width = given.schema.fields().len();
        if width != columns.len() {
            let message = format!("the query gives {width} columns, and there are {} to be filled", columns.len());
            return Err(refuse(&parsed.source, insert.query.span, Fault::Syntax, message));
        }
        let (mut batches, mut bytes, mut rows) = (Vec::new(), 0, 0);
        let mut given = given.batches;
        while let Some(batch) = given.try_next().await? {
            let filled = fill(&batch, &columns, target.schema())?;
            bytes += filled.get_array_memory_size();
            rows += filled.num_rows();
            if bytes > INSERT_BYTES_MAX {
                let most = INSERT_BYTES_MAX >> 20;
                let problem = Problem::new(ErrorKind::Invalid, format!("an INSERT takes up to {most} MiB of rows"));
                return Err(problem
                    .with_reason(Reason::TooMuch)
                    .with_hint("insert in several statements, or give a source the files"));
            }
            batches.push(filled);
        }
        match target {
            Target::Stream(stream) => self.append(&stream, &batches).await?,
            Target::Table(table) => {
                self.tables.insert(&table, &batches).await?;
                self.changed(&table).await;
            }
        }
        Ok(done(format!("INSERT 0 {rows}")))
    }

    pub async fn update(&self, update: &Update, parsed: &Parsed) -> Result<Done, Problem> {
        let table = self.table(&update.table, &parsed.source)?;
        let names: Vec<Name> = update.assignments.iter().map(|each| each.column.clone()).collect();
        for (name, column) in names.iter().zip(columns(&names, &table.schema, &parsed.source)?) {
            if table.key.contains(&column) {
                let message = format!("{name} is a part of the key; delete the row and insert it anew");
                return Err(refuse(&parsed.source, name.span, Fault::Meaning, message));
            }
        }
        let value = |field: &FieldRef| {
            let set = update.assignments.iter().find(|each| each.column.value == *field.name());
            let name = quoted(field.name());
            set.map_or(name.clone(), |set| format!("{} AS {name}", set.value.text))
        };
        let values: Vec<String> = table.schema.fields().iter().map(value).collect();
        let condition = update.condition.as_ref();
        let filter = condition.map(|condition| format!(" WHERE {}", condition.text)).unwrap_or_default();
        let text = format!("SELECT {} FROM {}{filter}", values.join(", "), quoted(&table.name));
        // The rows that are changed and those that they take the place of are chosen at one and the same time.
        let session = self.session.at_one_time();
        let matched = condition.map(|each| session.condition(each, &table, &parsed.source)).transpose()?;
        let all: Vec<usize> = (0..table.schema.fields().len()).collect();
        let mut changed = 0;
        let change = async || {
            let rows = query(&session, &text, parsed).await?;
            let rows = rows.iter().map(|batch| fill(batch, &all, &table.schema));
            let rows = rows.collect::<Result<Vec<_>, Problem>>()?;
            changed = rows.iter().map(RecordBatch::num_rows).sum::<usize>();
            Ok::<_, Problem>((stays(matched), rows))
        };
        self.tables.rewrite(&table, "UPDATE", change).await?;
        self.changed(&table).await;
        Ok(done(format!("UPDATE {changed}")))
    }

    pub async fn delete(&self, delete: &Delete, parsed: &Parsed) -> Result<Done, Problem> {
        let table = self.table(&delete.table, &parsed.source)?;
        let condition = delete.condition.as_ref();
        let filter = condition.map(|condition| format!(" WHERE {}", condition.text)).unwrap_or_default();
        let text = format!("SELECT count(*) FROM {}{filter}", quoted(&table.name));
        let session = self.session.at_one_time();
        let matched = condition.map(|each| session.condition(each, &table, &parsed.source)).transpose()?;
        let mut gone: i64 = 0;
        let change = async || {
            let counted = query(&session, &text, parsed).await?;
            gone = counted
                .iter()
                .map(|batch| batch.column(0).as_primitive::<Int64Type>().values().iter().sum::<i64>())
                .sum();
            Ok::<_, Problem>((stays(matched), Vec::new()))
        };
        self.tables.rewrite(&table, "DELETE", change).await?;
        self.changed(&table).await;
        Ok(done(format!("DELETE {gone}")))
    }

    /// Appends rows to a stream, and waits for queries to see them.
    async fn append(&self, stream: &Arc<Stream>, rows: &[RecordBatch]) -> Result<(), Problem> {
        let rows = concat_batches(&stream.schema, rows).map_err(unfit)?;
        if rows.num_rows() == 0 {
            return Ok(());
        }
        let mut load = self.loads.begin(stream).await?;
        let appended = tokio::task::spawn_blocking(move || load.push(&rows).and_then(|()| load.finish())).await;
        let appended = appended.map_err(|error| Problem::new(ErrorKind::Internal, error.to_string()))??;
        self.seen(&stream.name, &appended).await;
        Ok(())
    }

    /// Waits a while for queries to see rows, and what goes or closes by their time: the epoch behind the one that has them
    /// knows it.
    pub async fn seen(&self, stream: &str, appended: &Appended) {
        let mut seen_in = None;
        self.until(|| {
            let inner = self.published.lock();
            if seen_in.is_none() && sees(&inner, stream, appended) {
                seen_in = Some(inner.epoch);
            }
            seen_in.is_some_and(|epoch| inner.is_timely || inner.epoch > epoch)
        })
        .await;
    }

    /// Waits a while for views to have what was written to a table.
    pub async fn changed(&self, table: &Table) {
        // What was written stays so, whoever drops the table meanwhile.
        let Ok(written) = self.tables.version(table) else { return };
        self.until(|| self.published.lock().versions.get(&table.name).is_none_or(|version| *version >= written)).await;
    }

    async fn until(&self, mut is_seen: impl FnMut() -> bool) {
        let began = self.clock.elapsed();
        while !is_seen() && self.clock.elapsed().saturating_sub(began) < SEEN_WITHIN {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    fn target(&self, name: &RelationName, source: &SourceText) -> Result<Target, Problem> {
        let relations = &self.session.sources().relations;
        let known = match &name.schema {
            None => name.name.value.clone(),
            Some(schema) => qualified(&schema.value, &name.name.value).ok_or_else(|| {
                refuse(source, schema.span, Fault::WrongKind, format!("nothing can be written to {name}"))
            })?,
        };
        match relations.get(&known) {
            Some(Relation::Table(table)) if matches!(table.place, Place::Files(_)) => Err(refuse(
                source,
                name.span(),
                Fault::WrongKind,
                format!("{name} is an external table, whose files others write"),
            )),
            Some(Relation::Table(table)) if !table.is_refreshed() => Ok(Target::Table(table)),
            Some(Relation::PlainView(_) | Relation::Table(_)) => Err(refuse(
                source,
                name.span(),
                Fault::WrongKind,
                format!("{name} is a view; its rows come from its query"),
            )),
            Some(_) => match ingest::target(relations, &known)? {
                Some(stream) => Ok(Target::Stream(stream)),
                None => Err(no_relation(name, relations.names(), source)),
            },
            None => Err(no_relation(name, relations.names(), source)),
        }
    }

    fn table(&self, name: &RelationName, source: &SourceText) -> Result<Arc<Table>, Problem> {
        match self.target(name, source)? {
            Target::Table(table) => Ok(table),
            Target::Stream(_) => {
                let message = format!("{name} is a stream, whose rows stay as they came");
                let hint = "only tables take UPDATE and DELETE; what a row means now is a view's to say";
                Err(Diagnostics::from(
                    Diagnostic::new(source.clone(), name.span(), message).with_fault(Fault::WrongKind).with_hint(hint),
                )
                .into())
            }
        }
    }
}

/// The rows of a query that was made from a statement's own words.
async fn query(session: &Session, text: &str, parsed: &Parsed) -> Result<Vec<RecordBatch>, Problem> {
    let source = SourceText::new(parsed.source.name.clone(), text);
    let mut statements = headwater_sql::parse(&source)?;
    match (statements.pop(), statements.is_empty()) {
        (Some(query), true) => Ok(session.run(&query).await?.collect().await?),
        _ => Err(Problem::new(ErrorKind::Internal, format!("no query: {text}"))),
    }
}

/// A row stays where a condition is not true; without one, none does.
fn stays(condition: Option<Condition>) -> Box<Stays<'static>> {
    Box::new(move |rows: &RecordBatch| {
        let gone = match &condition {
            Some(condition) => condition.is_true(rows),
            None => Ok(BooleanArray::from(vec![true; rows.num_rows()])),
        };
        let undecided = |detail: String| headwater_lake::Error::Undecided { detail };
        not(&gone.map_err(|error| undecided(error.to_string()))?).map_err(|error| undecided(error.to_string()))
    })
}

/// The places of named columns; of all, where none is named.
pub(super) fn columns(names: &[Name], schema: &SchemaRef, source: &SourceText) -> Result<Vec<usize>, Problem> {
    if names.is_empty() {
        return Ok((0..schema.fields().len()).collect());
    }
    let place = |name: &Name| {
        schema.index_of(&name.value).map_err(|_| {
            let refused = Diagnostic::new(source.clone(), name.span, format!("there is no column {name}"))
                .with_fault(Fault::NoColumn);
            let near = nearest(&name.value, schema.fields().iter().map(|field| field.name().as_str()));
            Problem::from(Diagnostics::from(match near {
                Some(near) => refused.with_hint(format!("did you mean {near}?")),
                None => refused,
            }))
        })
    };
    names.iter().map(place).collect()
}

/// Rows of a query as rows of a relation: each column has its type, and those that are not given are NULL.
pub(super) fn fill(batch: &RecordBatch, columns: &[usize], schema: &SchemaRef) -> Result<RecordBatch, Problem> {
    let strict = CastOptions { safe: false, ..CastOptions::default() };
    let mut filled: Vec<ArrayRef> = Vec::with_capacity(schema.fields().len());
    for (at, field) in schema.fields().iter().enumerate() {
        let values = match columns.iter().position(|column| *column == at) {
            Some(given) => cast_with_options(batch.column(given), field.data_type(), &strict).map_err(|error| {
                let message = format!("column {} is {}: {error}", field.name(), sql_name(field.data_type()));
                Problem::new(ErrorKind::Invalid, message).with_reason(Reason::WrongValue)
            })?,
            None => new_null_array(field.data_type(), batch.num_rows()),
        };
        if !field.is_nullable() && values.null_count() > 0 {
            let message = format!("column {} is NOT NULL, and a row has no value for it", field.name());
            return Err(Problem::new(ErrorKind::Invalid, message).with_reason(Reason::NoValue));
        }
        filled.push(values);
    }
    RecordBatch::try_new(Arc::clone(schema), filled).map_err(unfit)
}

fn done(tag: String) -> Done {
    Done { tag, notices: Vec::new() }
}

fn refuse(source: &SourceText, span: headwater_sql::Span, fault: Fault, message: String) -> Problem {
    Diagnostics::from(Diagnostic::new(source.clone(), span, message).with_fault(fault)).into()
}

fn no_relation(name: &RelationName, known: Vec<&str>, source: &SourceText) -> Problem {
    let refused = Diagnostic::new(source.clone(), name.span(), format!("there is no relation {name}"))
        .with_fault(Fault::NoRelation);
    Diagnostics::from(match nearest(&name.name.value, known) {
        Some(near) => refused.with_hint(format!("did you mean {near}?")),
        None => refused,
    })
    .into()
}

fn unfit(error: arrow::error::ArrowError) -> Problem {
    Problem::new(ErrorKind::Internal, error.to_string())
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// Whether an epoch has rows.
fn sees(epoch: &Inner, stream: &str, appended: &Appended) -> bool {
    // A stream that is not published is not waited for.
    let Some(ends) = epoch.ends.get(stream) else { return true };
    let mut appended = appended.offsets.iter();
    appended.all(|(partition, range)| ends.get(*partition as usize).is_none_or(|end| *end >= range.end))
}
