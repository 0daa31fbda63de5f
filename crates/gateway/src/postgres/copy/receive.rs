//! `COPY … FROM STDIN`: rows of a client into a stream, or into a table.
//!
//! All rows are taken or none. What is held of them is bounded: a batch being read, and what [`Load`] holds.

use std::sync::Arc;
use std::time::Duration;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use bytes::{BufMut, Bytes};
use headwater_query::relation::{Relation, Table as Lake};
use headwater_sql::session::{Copy, CopyFormat, CopySubject, Header};

use super::super::connection::{Connection, End, until};
use super::super::encode::Form;
use super::super::failure::{CANCELLED, Failure, NO_COLUMN, NO_RELATION};
use super::super::rows;
use super::super::wire::{Broken, MESSAGE_BYTES_MAX};
use super::binary::Tuples;
use super::lines::{Dialect, Fields, Lines};
use super::table::Table;
use crate::ingest::{self, load::Load};
use crate::node::Node;

/// Rows for a table are put into it at once.
const TABLE_BYTES_MAX: usize = 256 << 20;
/// Once readers of a stream wait for the end of a COPY, its client must go on.
const SILENCE: Duration = Duration::from_secs(30);

/// Where rows go.
enum Into {
    Stream { name: String, load: Box<Load> },
    Table { table: Arc<Lake>, rows: Vec<RecordBatch>, bytes: usize },
}

/// What reads the client's bytes.
enum Source {
    Lines { lines: Lines, fields: Fields, header: Header },
    Tuples(Tuples),
}

impl Connection {
    pub(super) async fn copy_in(&mut self, copy: &Copy) -> Result<String, End> {
        self.may_change("COPY FROM")?;
        let CopySubject::Relation { name, columns } = &copy.subject else {
            return Err(Failure::not_built("COPY FROM into a query").into());
        };
        let (mut into, schema) = {
            let node = Arc::clone(&self.node);
            self.watched(target(node.as_ref(), name)).await??
        };
        let columns = places(&schema, columns)?;
        let form = if copy.format == CopyFormat::Binary { Form::Binary } else { Form::Text };
        let shown = name.last().map_or("", String::as_str);
        let mut table = Table::new(shown, schema, columns, form);
        let mut source = Source::new(&copy.format);
        let count = table.columns().len();
        self.wire.put(b'G', |out| {
            out.put_u8(form.code() as u8);
            out.put_u16(count as u16);
            (0..count).for_each(|_| out.put_i16(form.code()));
        });
        self.wire.flush().await?;
        let (mut line, mut total) = (0, 0);
        loop {
            let waited_for = matches!(&into, Into::Stream { load, .. } if load.is_open());
            let data = self.copy_data(waited_for).await?;
            let last = data.is_none();
            source.push(&data.unwrap_or_default());
            while source.row(&mut table, &mut line, last)? {
                if table.is_full() {
                    total += into.take(table.take()?).await?;
                }
            }
            if last {
                break;
            }
        }
        if !table.is_empty() {
            total += into.take(table.take()?).await?;
        }
        self.finish_copy(into).await?;
        Ok(format!("COPY {total}"))
    }

    /// What the client sends next; `None` at the end of its rows.
    async fn copy_data(&mut self, waited_for: bool) -> Result<Option<Bytes>, End> {
        loop {
            let silence =
                async { if waited_for { tokio::time::sleep(SILENCE).await } else { std::future::pending().await } };
            let message = tokio::select! {
                biased;
                message = self.wire.message(MESSAGE_BYTES_MAX) => message?,
                Ok(()) = self.cancelled.changed() => {
                    return Err(Failure::new(CANCELLED, "COPY was cancelled by its user").into());
                }
                () = until(self.deadline) => {
                    return Err(Failure::new(CANCELLED, "COPY took longer than statement_timeout").into());
                }
                () = silence => {
                    let message = "nothing came for 30 seconds while readers waited for the end of this COPY";
                    return Err(Failure::new("57014", message).into());
                }
            };
            let mut body = message.body;
            match message.tag {
                b'd' => return Ok(Some(body.0)),
                b'c' => return Ok(None),
                b'f' => {
                    let reason = body.text()?;
                    return Err(Failure::new(CANCELLED, format!("COPY from stdin failed: {reason}")).into());
                }
                // The extended protocol may send them ahead; they mean nothing here.
                b'H' | b'S' => {}
                b'X' => return Err(Broken::Gone.into()),
                other => {
                    let message = format!("a message of type {} came in the middle of COPY", other.escape_ascii());
                    return Err(Broken::Protocol(message).into());
                }
            }
        }
    }

    async fn finish_copy(&mut self, into: Into) -> Result<(), End> {
        match into {
            Into::Stream { name, load } => {
                let appended = blocking(move || load.finish()).await?;
                self.node.seen(&name, &appended).await;
            }
            Into::Table { table, rows, .. } => self.node.upsert(&table, &rows).await.map_err(Failure::from)?,
        }
        Ok(())
    }
}

impl Into {
    async fn take(&mut self, batch: RecordBatch) -> Result<usize, End> {
        let count = batch.num_rows();
        match self {
            Into::Table { rows, bytes, table } => {
                *bytes += batch.get_array_memory_size();
                if *bytes > TABLE_BYTES_MAX {
                    let message = format!("a COPY into a table takes up to {} MiB of rows", TABLE_BYTES_MAX >> 20);
                    let refused = Failure::new("54000", message);
                    return Err(refused.hint(format!("copy into {} in several statements", table.name)).into());
                }
                rows.push(batch);
            }
            Into::Stream { load, .. } => {
                // Encoding is short; only a transaction's appends wait for a disk.
                tokio::task::block_in_place(|| load.push(&batch)).map_err(Failure::from)?;
            }
        }
        Ok(count)
    }
}

impl Source {
    fn new(format: &CopyFormat) -> Source {
        let (dialect, header) = match format {
            CopyFormat::Binary => return Source::Tuples(Tuples::default()),
            CopyFormat::Text { delimiter, null, header } => {
                (Dialect::Text { delimiter: *delimiter, null: null.clone().into_bytes() }, header)
            }
            CopyFormat::Csv { delimiter, null, header, quote, escape } => {
                let null = null.clone().into_bytes();
                (Dialect::Csv { delimiter: *delimiter, null, quote: *quote, escape: *escape }, header)
            }
        };
        Source::Lines { lines: Lines::new(dialect), fields: Fields::default(), header: *header }
    }

    fn push(&mut self, bytes: &[u8]) {
        match self {
            Source::Lines { lines, .. } => lines.push(bytes),
            Source::Tuples(tuples) => tuples.push(bytes),
        }
    }

    /// Reads a row, if there is a whole one.
    fn row(&mut self, table: &mut Table, line: &mut u64, last: bool) -> Result<bool, Failure> {
        let malformed = |table: &Table, line: u64, wrong: &str| table.at(Failure::new("22P04", wrong), line, None);
        match self {
            Source::Tuples(tuples) => {
                let next = tuples.next(last).map_err(|wrong| malformed(table, *line + 1, wrong))?;
                let Some(row) = next else { return Ok(false) };
                *line += 1;
                table.expect(row.len(), *line)?;
                table.push_binary(row, *line)?;
            }
            Source::Lines { lines, fields, header } => {
                let next = lines.next(last).map_err(|wrong| malformed(table, *line + 1, wrong))?;
                let Some(text) = next else { return Ok(false) };
                *line += 1;
                lines.fields(&text, fields).map_err(|wrong| malformed(table, *line, wrong))?;
                match (*line, &header) {
                    (1, Header::Yes) => {}
                    (1, Header::Match) => matches(table, fields)?,
                    _ => {
                        table.expect(fields.len(), *line)?;
                        table.push_texts(fields.iter(), *line)?;
                    }
                }
            }
        }
        Ok(true)
    }
}

/// Where rows go, once it is this one's turn.
async fn target(node: &dyn Node, name: &[String]) -> Result<(Into, SchemaRef), Failure> {
    let name = match name {
        [name] => name,
        [schema, name] if schema == "public" => name,
        other => {
            let message = format!("nothing can be written to {}", other.join("."));
            return Err(Failure::new("42501", message));
        }
    };
    let session = node.session();
    let relations = &session.sources().relations;
    if let Some(Relation::Table(table)) = relations.get(name).filter(ingest::is_writable) {
        let schema = SchemaRef::clone(&table.schema);
        return Ok((Into::Table { table, rows: Vec::new(), bytes: 0 }, schema));
    }
    let Some(stream) = ingest::target(relations, name).map_err(Failure::from)? else {
        let missing = Failure::new(NO_RELATION, format!("there is no relation {name}"));
        let near = headwater_sql::nearest(name, relations.names());
        return Err(match near {
            Some(near) => missing.hint(format!("did you mean {near}?")),
            None => missing,
        });
    };
    let load = node.loads().begin(&stream).await.map_err(Failure::from)?;
    let schema = SchemaRef::clone(&stream.schema);
    Ok((Into::Stream { name: name.clone(), load: Box::new(load) }, schema))
}

/// The names of a header, in the order of the columns.
fn matches(table: &Table, fields: &Fields) -> Result<(), Failure> {
    table.expect(fields.len(), 1)?;
    match table.names().zip(fields.iter()).find(|(name, field)| *field != Some(name.as_bytes())) {
        None => Ok(()),
        Some((name, field)) => {
            let found = String::from_utf8_lossy(field.unwrap_or_default());
            let message = format!("column name mismatch in header line: got \"{found}\", expected \"{name}\"");
            Err(table.at(Failure::new("22P04", message), 1, None))
        }
    }
}

/// The places of named columns; of all, where none is named.
fn places(schema: &SchemaRef, names: &[String]) -> Result<Vec<usize>, Failure> {
    rows::columns(schema)?;
    if names.is_empty() {
        return Ok((0..schema.fields().len()).collect());
    }
    let mut places = Vec::new();
    for name in names {
        let place = schema.index_of(name).map_err(|_| Failure::new(NO_COLUMN, format!("there is no column {name}")))?;
        if places.contains(&place) {
            return Err(Failure::new("42701", format!("column {name} stands twice")));
        }
        places.push(place);
    }
    Ok(places)
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, crate::Problem> + Send + 'static,
) -> Result<T, Failure> {
    let done = tokio::task::spawn_blocking(work).await;
    Ok(done.map_err(|error| Failure::new("XX000", error.to_string()))??)
}
