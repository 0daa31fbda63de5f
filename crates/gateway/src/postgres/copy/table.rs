//! Fields of COPY, gathered by column and made into Arrow rows of a relation.

use std::ops::ControlFlow;
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, StringArray, new_null_array};
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{DataType, SchemaRef};
use bytes::Bytes;
use datafusion::common::ScalarValue;

use super::super::encode::Form;
use super::super::failure::{Failure, NOT_NULL};
use super::super::{decode, oids};

/// Rows of one batch, by number and by size.
const ROWS: usize = 8192;
const BYTES: usize = 4 << 20;

/// What a client sends for one column.
enum Values {
    Texts(Vec<Option<String>>),
    /// As values of the column's type.
    Ready(Vec<ScalarValue>),
}

pub struct Table {
    relation: String,
    schema: SchemaRef,
    /// For each column of the data, which of the relation's it is.
    columns: Vec<usize>,
    values: Vec<Values>,
    /// The line of each row.
    lines: Vec<u64>,
    bytes: usize,
}

impl Table {
    pub fn new(relation: &str, schema: SchemaRef, columns: Vec<usize>, form: Form) -> Table {
        let values = columns.iter().map(|_| match form {
            Form::Text => Values::Texts(Vec::new()),
            Form::Binary => Values::Ready(Vec::new()),
        });
        let values = values.collect();
        Table { relation: relation.to_owned(), schema, columns, values, lines: Vec::new(), bytes: 0 }
    }

    pub fn columns(&self) -> &[usize] {
        &self.columns
    }

    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.columns.iter().map(|column| self.schema.field(*column).name().as_str())
    }

    pub fn is_full(&self) -> bool {
        self.lines.len() >= ROWS || self.bytes >= BYTES
    }

    pub fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// An error of a line, as PostgreSQL tells it.
    pub fn at(&self, failure: Failure, line: u64, column: Option<&str>) -> Failure {
        let column = column.map(|name| format!(", column {name}")).unwrap_or_default();
        failure.context(format!("COPY {}, line {line}{column}", self.relation))
    }

    /// As many fields as there are columns.
    pub fn expect(&self, fields: usize, line: u64) -> Result<(), Failure> {
        let wanted = self.columns.len();
        if fields == wanted {
            return Ok(());
        }
        let message = match self.names().nth(fields) {
            Some(missing) => format!("missing data for column \"{missing}\""),
            None => format!("extra data after the last of {wanted} columns"),
        };
        Err(self.at(Failure::new("22P04", message), line, None))
    }

    pub fn push_texts<'a>(&mut self, fields: impl Iterator<Item = Option<&'a [u8]>>, line: u64) -> Result<(), Failure> {
        for (at, field) in fields.enumerate() {
            self.bytes += field.map_or(1, |field| field.len() + 8);
            let text = field.map(|field| String::from_utf8(field.to_vec())).transpose().map_err(|_| {
                let name = self.names().nth(at);
                self.at(Failure::new("22021", "the value is not UTF-8"), line, name)
            })?;
            if let Values::Texts(texts) = &mut self.values[at] {
                texts.push(text);
            }
        }
        self.lines.push(line);
        Ok(())
    }

    pub fn push_binary(&mut self, fields: Vec<Option<Bytes>>, line: u64) -> Result<(), Failure> {
        for (at, field) in fields.into_iter().enumerate() {
            self.bytes += field.as_ref().map_or(1, |field| field.len() + 8);
            let declared = self.schema.field(self.columns[at]);
            let wanted = declared.data_type();
            let read = decode::field(field, Form::Binary, oids::oid(wanted), wanted);
            let value = read.map_err(|failure| self.at(failure, line, Some(declared.name())))?;
            if let Values::Ready(values) = &mut self.values[at] {
                values.push(value);
            }
        }
        self.lines.push(line);
        Ok(())
    }

    /// The rows so far; none remain.
    pub fn take(&mut self) -> Result<RecordBatch, Failure> {
        let lines = std::mem::take(&mut self.lines);
        self.bytes = 0;
        let mut arrays: Vec<Option<ArrayRef>> = vec![None; self.schema.fields().len()];
        for at in 0..self.columns.len() {
            let column = self.columns[at];
            let array = match &mut self.values[at] {
                Values::Texts(texts) => {
                    let texts = std::mem::take(texts);
                    self.array_of_texts(column, texts, &lines)?
                }
                Values::Ready(values) => {
                    let values = std::mem::take(values);
                    let made = ScalarValue::iter_to_array(values);
                    made.map_err(|error| Failure::new("XX000", error.to_string()))?
                }
            };
            arrays[column] = Some(array);
        }
        let mut filled = Vec::with_capacity(arrays.len());
        for (field, array) in self.schema.fields().iter().zip(arrays) {
            let array = array.unwrap_or_else(|| new_null_array(field.data_type(), lines.len()));
            if !field.is_nullable() && array.null_count() > 0 {
                let row = (0..array.len()).find(|row| array.is_null(*row)).unwrap_or(0);
                let message =
                    format!("null value in column \"{}\" of {}, which is NOT NULL", field.name(), self.relation);
                return Err(self.at(Failure::new(NOT_NULL, message), lines[row], None));
            }
            filled.push(array);
        }
        RecordBatch::try_new(Arc::clone(&self.schema), filled).map_err(|error| Failure::new("XX000", error.to_string()))
    }

    /// All at once where Arrow reads a type's texts as PostgreSQL does, else one by one.
    fn array_of_texts(&self, column: usize, texts: Vec<Option<String>>, lines: &[u64]) -> Result<ArrayRef, Failure> {
        let field = self.schema.field(column);
        let wanted = field.data_type();
        if let ControlFlow::Break(array) = at_once(&texts, wanted) {
            return Ok(array);
        }
        let oid = oids::oid(wanted);
        let values = texts.iter().zip(lines).map(|(text, line)| {
            let bytes = text.as_ref().map(|text| Bytes::copy_from_slice(text.as_bytes()));
            decode::field(bytes, Form::Text, oid, wanted).map_err(|failure| self.at(failure, *line, Some(field.name())))
        });
        let values = values.collect::<Result<Vec<_>, _>>()?;
        ScalarValue::iter_to_array(values).map_err(|error| Failure::new("XX000", error.to_string()))
    }
}

fn at_once(texts: &[Option<String>], wanted: &DataType) -> ControlFlow<ArrayRef> {
    let strict = CastOptions { safe: false, ..CastOptions::default() };
    let texts: StringArray = match wanted {
        DataType::Timestamp(..) => {
            let without_zone = |text: &String| text.strip_suffix("+00").unwrap_or(text).to_owned();
            texts.iter().map(|text| text.as_ref().map(without_zone)).collect()
        }
        DataType::Utf8 | DataType::Utf8View | DataType::LargeUtf8 | DataType::Date32 => texts.iter().collect(),
        other if other.is_integer() || other.is_floating() => texts.iter().collect(),
        _ => return ControlFlow::Continue(()),
    };
    match cast_with_options(&texts, wanted, &strict) {
        Ok(array) => ControlFlow::Break(array),
        // The row that fails is found by reading them one by one.
        Err(_) => ControlFlow::Continue(()),
    }
}
