//! What was expected, against what there is: the same rows, however often each, and a difference that people can read.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::Result;
use arrow::array::{Array, AsArray, RecordBatch};
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{DataType, Float32Type, Float64Type, SchemaRef};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use headwater_query::sqltype::sql_name;
use headwater_sql::ast::{Expect, Expected, Name};
use headwater_sql::{Diagnostic, SourceText};

use super::Trial;

/// Significant digits by which floating point numbers are compared, and shown.
const FLOAT_DIGITS: usize = 12;

/// Rows of a difference that are shown.
const SHOWN_MAX: usize = 20;

/// What is not as expected.
pub(super) struct Difference {
    pub what: String,
    /// The rows that differ, under their columns' names.
    pub rows: String,
}

/// A row as it is compared and shown.
type Row = Vec<String>;

impl Trial {
    /// None where all is as expected; else what is not.
    pub(super) fn expect(&mut self, expect: &Expect, source: &SourceText) -> Result<Option<Difference>> {
        let ordered = matches!(expect.of, Expected::Query { ordered: true, .. });
        let (schema, found) = match &expect.of {
            Expected::Query { query, .. } => self.rows(query, source)?,
            Expected::Relation { relation, columns, condition } => {
                let name = match &relation.schema {
                    Some(schema) => format!("{}.{}", quoted(schema), quoted(&relation.name)),
                    None => quoted(&relation.name),
                };
                let condition = condition.as_ref().map(|condition| format!(" WHERE {}", condition.text));
                self.asked(&format!("SELECT {} FROM {name}{}", list(columns), condition.unwrap_or_default()))?
            }
            Expected::DeadLetters { of, columns } => {
                let of = of.as_ref().map(|of| format!(" WHERE relation = '{}'", of.value.replace('\'', "''")));
                self.asked(&format!("SELECT {} FROM system.dead_letters{}", list(columns), of.unwrap_or_default()))?
            }
        };
        let found = shown(&schema, &found)?;
        let expected = match &expect.values {
            None => Vec::new(),
            Some(values) => {
                let (_, rows) = self.rows(values, source)?;
                let refuse = |message: String| Diagnostic::new(source.clone(), values.span, message);
                let typed = rows.iter().map(|batch| typed(batch, &schema).map_err(refuse));
                shown(&schema, &typed.collect::<Result<Vec<_>, _>>()?)?
            }
        };
        let what = match &expect.of {
            Expected::Relation { relation, .. } => relation.to_string(),
            Expected::Query { .. } => "the query".to_owned(),
            Expected::DeadLetters { of: Some(of), .. } => format!("the dead letters of {of}"),
            Expected::DeadLetters { of: None, .. } => "the dead letters".to_owned(),
        };
        Ok(difference(&what, &schema, &expected, &found, ordered))
    }
}

/// Rows as they are written, in the types of what they are compared with.
fn typed(batch: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch, String> {
    let (have, want) = (batch.num_columns(), schema.fields().len());
    if have != want {
        return Err(format!("the rows have {have} values, and there are {want} columns"));
    }
    let strict = CastOptions { safe: false, ..CastOptions::default() };
    let columns = batch.columns().iter().zip(schema.fields()).map(|(column, field)| {
        cast_with_options(column, field.data_type(), &strict)
            .map_err(|error| format!("column {} is {}: {error}", field.name(), sql_name(field.data_type())))
    });
    let columns = columns.collect::<Result<Vec<_>, String>>()?;
    let fields = schema.fields().iter().map(|field| Arc::new(field.as_ref().clone().with_nullable(true)));
    let schema = Arc::new(arrow::datatypes::Schema::new(fields.collect::<Vec<_>>()));
    RecordBatch::try_new(schema, columns).map_err(|error| error.to_string())
}

fn shown(schema: &SchemaRef, batches: &[RecordBatch]) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    for batch in batches {
        let columns = batch.columns().iter().map(texts).collect::<Result<Vec<Vec<String>>>>()?;
        rows.extend((0..batch.num_rows()).map(|row| columns.iter().map(|column| column[row].clone()).collect::<Row>()));
    }
    debug_assert!(rows.iter().all(|row| row.len() == schema.fields().len()));
    Ok(rows)
}

fn texts(column: &Arc<dyn Array>) -> Result<Vec<String>> {
    let null = || "NULL".to_owned();
    let float = |value: f64| {
        // Rounded, and then as short as it goes.
        let rounded: f64 = format!("{value:.*e}", FLOAT_DIGITS - 1).parse().unwrap_or(value);
        format!("{}", if rounded == 0.0 { 0.0 } else { rounded })
    };
    Ok(match column.data_type() {
        DataType::Float64 => {
            column.as_primitive::<Float64Type>().iter().map(|value| value.map_or_else(null, float)).collect()
        }
        DataType::Float32 => {
            let values = column.as_primitive::<Float32Type>().iter();
            values.map(|value| value.map_or_else(null, |value| format!("{value}"))).collect()
        }
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => {
            let views = arrow::compute::cast(column, &DataType::Utf8View)?;
            let quoted = |text: &str| format!("'{}'", text.replace('\'', "''"));
            views.as_string_view().iter().map(|value| value.map_or_else(null, quoted)).collect()
        }
        _ => {
            let options = FormatOptions::new().with_null("NULL");
            let formatter = ArrayFormatter::try_new(column, &options)?;
            (0..column.len()).map(|row| formatter.value(row).to_string()).collect()
        }
    })
}

fn difference(what: &str, schema: &SchemaRef, expected: &[Row], found: &[Row], ordered: bool) -> Option<Difference> {
    let mut counts: BTreeMap<&Row, i64> = BTreeMap::new();
    expected.iter().for_each(|row| *counts.entry(row).or_default() += 1);
    found.iter().for_each(|row| *counts.entry(row).or_default() -= 1);
    let missing = counts.iter().filter(|(_, count)| **count > 0);
    let extra = counts.iter().filter(|(_, count)| **count < 0);
    let times = |row: &Row, count: i64, sign| vec![(sign, row.clone()); count.unsigned_abs() as usize];
    let mut lines: Vec<(&str, Row)> = missing.flat_map(|(row, count)| times(row, *count, "-")).collect();
    lines.extend(extra.flat_map(|(row, count)| times(row, *count, "+")));
    let total = format!("{} rows expected, {} found", expected.len(), found.len());
    if lines.is_empty() {
        if !ordered || expected == found {
            return None;
        }
        let first = expected.iter().zip(found).position(|(expected, found)| expected != found).unwrap_or_default();
        let what = format!("{what} gives the rows in another order ({total}); row {} is the first", first + 1);
        let lines = [("-", expected[first].clone()), ("+", found[first].clone())];
        return Some(Difference { what, rows: table(schema, &lines) });
    }
    let hidden = lines.len().saturating_sub(SHOWN_MAX);
    lines.truncate(SHOWN_MAX);
    let mut rows = table(schema, &lines);
    if hidden > 0 {
        rows.push_str(&format!("\n    … and {hidden} more"));
    }
    let what = format!("{what} is not as expected ({total}): - is expected and missing, + is found and not expected");
    Some(Difference { what, rows })
}

/// Aligned columns under their names.
fn table(schema: &SchemaRef, lines: &[(&str, Row)]) -> String {
    let names: Row = schema.fields().iter().map(|field| field.name().clone()).collect();
    let width = |column: usize| {
        let rows = lines.iter().map(|(_, row)| row[column].chars().count());
        rows.chain([names[column].chars().count()]).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..names.len()).map(width).collect();
    let line = |sign: &str, row: &Row| {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
        format!("  {sign} {}", cells.collect::<Vec<_>>().join(" | ")).trim_end().to_owned()
    };
    let mut text = vec![line(" ", &names)];
    text.extend(lines.iter().map(|(sign, row)| line(sign, row)));
    text.join("\n")
}

fn list(columns: &[Name]) -> String {
    if columns.is_empty() { "*".to_owned() } else { columns.iter().map(quoted).collect::<Vec<_>>().join(", ") }
}

fn quoted(name: &Name) -> String {
    format!("\"{}\"", name.value.replace('"', "\"\""))
}
