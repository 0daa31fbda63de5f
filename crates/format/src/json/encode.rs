//! Rows to JSON records.
//!
//! Numbers are numbers, decimals too (exactly as many digits as their scale); times are RFC 3339 strings, bytes are
//! base64, floats that are not finite are the strings that reading takes for them. A null is written as `null`.

use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_cast::display::{ArrayFormatter, FormatOptions};
use arrow_schema::SchemaRef;

use super::string;
use crate::error::Error;
use crate::reader::Reader;
use crate::rows::declared;
use crate::text::write;
use crate::value::{Kind, Value};
use crate::{Encoded, Encoder};

pub(crate) struct JsonEncoder {
    schema: SchemaRef,
    /// What stands before each value: an opening brace or a comma, the name, a colon.
    leads: Vec<Vec<u8>>,
}

impl JsonEncoder {
    pub fn new(schema: SchemaRef) -> Result<JsonEncoder, Error> {
        let names = declared(&schema)?.into_iter().map(|column| column.name);
        Ok(JsonEncoder { leads: leads(names), schema })
    }
}

impl Encoder for JsonEncoder {
    fn encode(&mut self, rows: &RecordBatch, out: &mut Encoded) -> Result<(), Error> {
        let readers = readers(&self.schema, rows)?;
        for row in 0..rows.num_rows() {
            for (lead, reader) in self.leads.iter().zip(&readers) {
                out.bytes.extend_from_slice(lead);
                write_value(reader.value(row), reader.kind, &mut out.bytes);
            }
            if readers.is_empty() {
                out.bytes.push(b'{');
            }
            out.bytes.push(b'}');
            out.ends.push(out.bytes.len());
        }
        Ok(())
    }
}

/// The columns of a batch, which must be those of the encoder's schema.
pub(crate) fn readers<'a>(schema: &SchemaRef, rows: &'a RecordBatch) -> Result<Vec<Reader<'a>>, Error> {
    let types = |schema: &SchemaRef| schema.fields().iter().map(|field| field.data_type().clone()).collect::<Vec<_>>();
    if types(schema) != types(&rows.schema()) {
        return Err(Error::SchemaMismatch(format!("{:?} instead of {:?}", types(&rows.schema()), types(schema))));
    }
    let fields = schema.fields().iter();
    fields
        .zip(rows.columns())
        .map(|(field, array)| {
            Reader::new(array).ok_or_else(|| Error::UnsupportedType {
                column: field.name().clone(),
                data_type: field.data_type().clone(),
            })
        })
        .collect()
}

fn leads(names: impl Iterator<Item = String>) -> Vec<Vec<u8>> {
    let lead = |(index, name): (usize, String)| {
        let mut lead = vec![if index == 0 { b'{' } else { b',' }];
        string::write(&name, &mut lead);
        lead.push(b':');
        lead
    };
    names.enumerate().map(lead).collect()
}

fn write_value(value: Value<'_>, kind: Kind, out: &mut Vec<u8>) {
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
    let schema = rows.schema();
    let mut out = Vec::new();
    for (lead, array) in leads(schema.fields().iter().map(|field| field.name().clone())).iter().zip(rows.columns()) {
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
