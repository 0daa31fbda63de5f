//! `COPY … TO STDOUT` as text, CSV and binary; `COPY … FROM STDIN` is in `receive`.

mod binary;
mod lines;
mod receive;
mod table;

use bytes::{BufMut, BytesMut};
use headwater_sql::session::{Command, Copy, CopyFormat, CopySubject, Direction, Header};
use headwater_sql::{SourceText, Statement};

use super::connection::{Connection, End};
use super::encode::{self, Column, Form};
use super::failure::{Failure, SYNTAX};
use super::rows::{self, Frame, Running};
use super::wire::Wire;
use super::{catalog, simple};

const SIGNATURE: &[u8] = b"PGCOPY\n\xff\r\n\0";
/// What is sent as one row, at most.
const ROW_BYTES_MAX: usize = 16 << 20;

impl Connection {
    /// Sends all rows; the tag is returned.
    pub async fn copy(&mut self, copy: &Copy) -> Result<String, End> {
        if copy.direction == Direction::In {
            return self.copy_in(copy).await;
        }
        let parsed = match &copy.subject {
            CopySubject::Query(parsed) => parsed.clone(),
            CopySubject::Relation { name, columns } => {
                let text = query_of(name, columns);
                match simple::read(&SourceText::new("query", text))?.pop() {
                    Some(Command::Ours(parsed)) => parsed,
                    _ => return Err(Failure::new(SYNTAX, "COPY needs a relation or a query").into()),
                }
            }
        };
        if !matches!(parsed.statement, Statement::Query(_)) {
            let message = format!("COPY takes a query, not {}", parsed.statement.words());
            return Err(Failure::new(SYNTAX, message).into());
        }
        let session = self.session(&parsed.text);
        let parsed = catalog::rewritten(&parsed);
        let result = self.watched(session.run(&parsed)).await?.map_err(|error| {
            let mut failure = Failure::from(error);
            if let CopySubject::Relation { .. } = &copy.subject {
                // The place would be in a text that the client has not written.
                failure.position = None;
            }
            failure
        })?;
        self.copy_out(result.into(), &copy.format).await
    }

    async fn copy_out(&mut self, mut running: Running, format: &CopyFormat) -> Result<String, End> {
        let count = rows::columns(&running.schema)?;
        let form = if format == &CopyFormat::Binary { Form::Binary } else { Form::Text };
        self.wire.put(b'H', |out| {
            out.put_u8(form.code() as u8);
            out.put_u16(count);
            (0..count).for_each(|_| out.put_i16(form.code()));
        });
        let mut lines = Lines { format, field: BytesMut::new(), opened: false };
        let names: Vec<&str> = running.schema.fields().iter().map(|field| field.name().as_str()).collect();
        lines.header(&names, &mut self.wire);
        let sent = self.send(&mut running, &mut lines, None).await?;
        if format == &CopyFormat::Binary {
            let start = self.wire.begin(b'd');
            lines.signature(self.wire.out());
            self.wire.out().put_i16(-1);
            self.wire.end(start);
        }
        self.wire.put(b'c', |_| {});
        Ok(format!("COPY {}", sent.rows))
    }
}

fn query_of(name: &[String], columns: &[String]) -> String {
    let quoted = |name: &String| format!("\"{}\"", name.replace('"', "\"\""));
    let columns = columns.iter().map(quoted).collect::<Vec<_>>().join(", ");
    let columns = if columns.is_empty() { "*" } else { &columns };
    format!("SELECT {columns} FROM {}", name.iter().map(quoted).collect::<Vec<_>>().join("."))
}

struct Lines<'a> {
    format: &'a CopyFormat,
    /// The value that is being written.
    field: BytesMut,
    /// Whether the signature of the binary format was written. Clients expect it in one message with the first row.
    opened: bool,
}

impl Lines<'_> {
    fn header(&mut self, names: &[&str], wire: &mut Wire) {
        let start = wire.begin(b'd');
        let out = wire.out();
        match self.format {
            CopyFormat::Text { header: Header::Yes, delimiter, .. }
            | CopyFormat::Csv { header: Header::Yes, delimiter, .. } => {
                for (at, name) in names.iter().enumerate() {
                    if at > 0 {
                        out.put_u8(*delimiter);
                    }
                    self.put(name.as_bytes(), out);
                }
                out.put_u8(b'\n');
                wire.end(start);
            }
            _ => wire.forget(start),
        }
    }

    fn signature(&mut self, out: &mut BytesMut) {
        if !std::mem::replace(&mut self.opened, true) {
            out.put_slice(SIGNATURE);
            out.put_i32(0);
            out.put_i32(0);
        }
    }

    fn put(&self, value: &[u8], out: &mut BytesMut) {
        match self.format {
            CopyFormat::Text { delimiter, .. } => escaped(value, *delimiter, out),
            CopyFormat::Csv { delimiter, null, quote, escape, .. } => {
                let special = |byte: &u8| byte == delimiter || byte == quote || matches!(byte, b'\n' | b'\r');
                if !value.iter().any(special) && value != null.as_bytes() && value != b"\\." {
                    return out.put_slice(value);
                }
                out.put_u8(*quote);
                for byte in value {
                    if byte == quote || byte == escape {
                        out.put_u8(*escape);
                    }
                    out.put_u8(*byte);
                }
                out.put_u8(*quote);
            }
            CopyFormat::Binary => out.put_slice(value),
        }
    }

    fn line(&mut self, columns: &[Column], row: usize, out: &mut BytesMut) -> Result<(), Failure> {
        let (delimiter, null) = match self.format {
            CopyFormat::Binary => {
                self.signature(out);
                out.put_u16(columns.len() as u16);
                return columns.iter().try_for_each(|column| encode::value(column, row, Form::Binary, out));
            }
            CopyFormat::Text { delimiter, null, .. } | CopyFormat::Csv { delimiter, null, .. } => (*delimiter, null),
        };
        for (at, column) in columns.iter().enumerate() {
            if at > 0 {
                out.put_u8(delimiter);
            }
            if column.is_null(row) {
                out.put_slice(null.as_bytes());
                continue;
            }
            let mut field = std::mem::take(&mut self.field);
            field.clear();
            let written = column.write(row, Form::Text, &mut field);
            self.put(&field, out);
            self.field = field;
            written?;
        }
        out.put_u8(b'\n');
        Ok(())
    }
}

impl Frame for Lines<'_> {
    fn write(&mut self, columns: &[Column], row: usize, wire: &mut Wire) -> Result<(), Failure> {
        let start = wire.begin(b'd');
        let written = self.line(columns, row, wire.out());
        match written {
            Ok(()) => wire.end(start),
            Err(_) => wire.forget(start),
        }
        written
    }
}

fn escaped(value: &[u8], delimiter: u8, out: &mut BytesMut) {
    for byte in value {
        let letter = match byte {
            b'\\' => b'\\',
            b'\n' => b'n',
            b'\r' => b'r',
            b'\t' => b't',
            8 => b'b',
            11 => b'v',
            12 => b'f',
            other if *other == delimiter => delimiter,
            other => {
                out.put_u8(*other);
                continue;
            }
        };
        out.put_u8(b'\\');
        out.put_u8(letter);
    }
}
