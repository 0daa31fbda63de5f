//! The first line of a CSV file, and the fields of any: names against the stream's columns.

use std::path::Path;

use arrow::datatypes::Schema;
use headwater_base::ErrorKind;
use headwater_stream::source::Result;

use crate::error;

/// Where each column of the stream is in the file, and what the file has beside.
#[derive(Debug, PartialEq, Eq)]
pub struct Header {
    /// By column of the stream: the field's index.
    pub columns: Vec<Option<usize>>,
    pub fields: usize,
    pub unknown: Vec<String>,
}

/// Matches names exactly, else without regard to case where that is unique.
pub fn read(line: &[u8], schema: &Schema, path: &Path) -> Result<Header> {
    let refuse = |message: String, hint: &str| {
        error(ErrorKind::Invalid, format!("{}:1: {message}", path.display()), hint)
    };
    let names: Vec<String> = split(line).into_iter().map(|field| unquoted(field).trim().to_owned()).collect();
    let mut columns = Vec::with_capacity(schema.fields().len());
    let mut used = vec![false; names.len()];
    for field in schema.fields() {
        let exact = names.iter().position(|name| name == field.name());
        let folded = || {
            let mut alike =
                names.iter().enumerate().filter(|(_, name)| name.eq_ignore_ascii_case(field.name())).map(|each| each.0);
            alike.next().filter(|_| alike.next().is_none())
        };
        let found = exact.or_else(folded);
        match found {
            Some(index) => used[index] = true,
            None if !field.is_nullable() => {
                let message = format!("the header has no column {}, which must not be null", field.name());
                return Err(refuse(message, "the first line must name the columns of the stream"));
            }
            None => {}
        }
        columns.push(found);
    }
    let unknown = names.iter().zip(&used).filter(|(_, used)| !**used).map(|(name, _)| name.clone()).collect();
    Ok(Header { columns, fields: names.len(), unknown })
}

impl Header {
    /// The file's records are the stream's, as they are.
    pub fn is_same(&self) -> bool {
        self.fields == self.columns.len() && self.columns.iter().enumerate().all(|(at, field)| *field == Some(at))
    }
}

/// The fields of a record, with their quotes.
pub fn split(record: &[u8]) -> Vec<&[u8]> {
    let mut fields = Vec::new();
    let (mut start, mut quoted) = (0, false);
    for (at, byte) in record.iter().enumerate() {
        match byte {
            // Two quotes within a quoted field close and open it: the same in the end.
            b'"' if quoted || at == start => quoted = !quoted,
            b'"' if at > start && record[at - 1] == b'"' && record[start] == b'"' => quoted = !quoted,
            b',' if !quoted => {
                fields.push(&record[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    fields.push(&record[start..]);
    fields
}

fn unquoted(field: &[u8]) -> String {
    let text = String::from_utf8_lossy(field);
    match text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
        Some(inner) => inner.replace("\"\"", "\""),
        None => text.into_owned(),
    }
}
