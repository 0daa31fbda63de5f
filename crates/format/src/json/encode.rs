//! Values in JSON records.
//!
//! Numbers are numbers, decimals too (exactly as many digits as their scale); times are RFC 3339 strings, bytes are
//! base64, floats that are not finite are the strings that reading takes for them. A null is written as `null`.

use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_cast::display::{ArrayFormatter, FormatOptions};
use arrow_schema::Schema;

use super::string;
use crate::reader::Reader;
use crate::text::write;
use crate::value::{Kind, Value};

/// What stands before each column's value: an opening brace or a comma, the name, a colon.
pub(crate) fn leads(schema: &Schema) -> Vec<Vec<u8>> {
    let lead = |(index, field): (usize, &std::sync::Arc<arrow_schema::Field>)| {
        let mut lead = vec![if index == 0 { b'{' } else { b',' }];
        string::write(field.name(), &mut lead);
        lead.push(b':');
        lead
    };
    schema.fields().iter().enumerate().map(lead).collect()
}

pub(crate) fn write_value(value: Value<'_>, kind: Kind, out: &mut Vec<u8>) {
    let quoted = match value {
        Value::Null => return out.extend_from_slice(b"null"),
        Value::Text(text) => return string::write(text, out),
        Value::Float32(value) => !value.is_finite(),
        Value::Float64(value) => !value.is_finite(),
        Value::Date(_) | Value::Timestamp(_) | Value::Binary(_) => true,
        _ => false,
    };
    if quoted {
        out.push(b'"');
    }
    write::plain(value, kind, out);
    if quoted {
        out.push(b'"');
    }
}

/// A row as a JSON object, of columns of any type: those that records don't hold stand as text, as a query would show
/// them.
pub fn row_as_json(rows: &RecordBatch, row: usize) -> String {
    let mut out = Vec::new();
    for (lead, array) in leads(&rows.schema()).iter().zip(rows.columns()) {
        out.extend_from_slice(lead);
        match Reader::new(array) {
            Some(reader) => write_value(reader.value(row), reader.kind, &mut out),
            None if array.is_null(row) => out.extend_from_slice(b"null"),
            None => string::write(&shown(array, row), &mut out),
        }
    }
    if out.is_empty() {
        out.push(b'{');
    }
    out.push(b'}');
    String::from_utf8(out).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}

fn shown(array: &ArrayRef, row: usize) -> String {
    match ArrayFormatter::try_new(array.as_ref(), &FormatOptions::default()) {
        Ok(formatter) => formatter.value(row).to_string(),
        Err(error) => error.to_string(),
    }
}
