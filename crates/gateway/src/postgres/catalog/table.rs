//! Small relations from rows of cells.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::record_batch::{RecordBatch, RecordBatchOptions};
use datafusion::common::ScalarValue;
use datafusion::datasource::{MemTable, TableProvider};

/// One value.
#[derive(Debug, Clone)]
pub enum Cell {
    Null,
    Number(i64),
    Text(String),
    Flag(bool),
    Numbers(Vec<i64>),
}

impl From<i64> for Cell {
    fn from(number: i64) -> Cell {
        Cell::Number(number)
    }
}

impl From<u32> for Cell {
    fn from(number: u32) -> Cell {
        Cell::Number(number.into())
    }
}

impl From<Vec<i64>> for Cell {
    fn from(numbers: Vec<i64>) -> Cell {
        Cell::Numbers(numbers)
    }
}

impl From<&str> for Cell {
    fn from(text: &str) -> Cell {
        Cell::Text(text.to_owned())
    }
}

impl From<String> for Cell {
    fn from(text: String) -> Cell {
        Cell::Text(text)
    }
}

impl From<bool> for Cell {
    fn from(flag: bool) -> Cell {
        Cell::Flag(flag)
    }
}

/// A row of cells, from anything that can be one.
macro_rules! row {
    ($($cell:expr),* $(,)?) => { vec![$($crate::postgres::catalog::table::Cell::from($cell)),*] };
}
pub(super) use row;

/// Names with a letter for each type: `o` an identifier, `i` a number, `b` a truth, `t` a text, `a` texts, `v` numbers.
fn schema(columns: &str) -> SchemaRef {
    let fields = columns.split(',').map(|column| {
        let (name, letter) = column.trim().rsplit_once(' ').unwrap_or((column, "t"));
        let list = |item| DataType::List(Arc::new(Field::new_list_field(item, true)));
        let arrow = match letter {
            "o" => DataType::Int64,
            "i" => DataType::Int32,
            "b" => DataType::Boolean,
            "a" => list(DataType::Utf8),
            "v" => list(DataType::Int64),
            _ => DataType::Utf8,
        };
        Field::new(name, arrow, true)
    });
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}

/// Rows that are shorter than the columns end in NULLs.
pub fn of(columns: &str, rows: &[Vec<Cell>]) -> Option<Arc<dyn TableProvider>> {
    let schema = schema(columns);
    let arrays = schema.fields().iter().enumerate().map(|(at, field)| {
        let scalars = rows.iter().map(|row| scalar(row.get(at).unwrap_or(&Cell::Null), field.data_type()));
        let scalars: Vec<ScalarValue> = scalars.collect();
        if scalars.is_empty() {
            return Some(arrow::array::new_empty_array(field.data_type()));
        }
        ScalarValue::iter_to_array(scalars).ok()
    });
    let arrays = arrays.collect::<Option<Vec<_>>>()?;
    let options = RecordBatchOptions::new().with_row_count(Some(rows.len()));
    let batch = RecordBatch::try_new_with_options(Arc::clone(&schema), arrays, &options).ok()?;
    Some(Arc::new(MemTable::try_new(schema, vec![vec![batch]]).ok()?))
}

pub fn scalar(cell: &Cell, arrow: &DataType) -> ScalarValue {
    let value = match (cell, arrow) {
        (Cell::Number(number), DataType::Int32) => ScalarValue::Int32(i32::try_from(*number).ok()),
        (Cell::Number(number), DataType::Int64) => ScalarValue::Int64(Some(*number)),
        (Cell::Text(text), DataType::Utf8) => ScalarValue::Utf8(Some(text.clone())),
        (Cell::Flag(flag), DataType::Boolean) => ScalarValue::Boolean(Some(*flag)),
        (Cell::Numbers(numbers), DataType::List(item)) if item.data_type() == &DataType::Int64 => {
            let numbers: Vec<ScalarValue> = numbers.iter().map(|number| ScalarValue::from(*number)).collect();
            ScalarValue::List(ScalarValue::new_list_nullable(&numbers, &DataType::Int64))
        }
        _ => ScalarValue::Null,
    };
    match value {
        ScalarValue::Null => ScalarValue::try_from(arrow).unwrap_or(ScalarValue::Null),
        value => value,
    }
}
