//! Statistics of a data file as Delta keeps them, from those that Parquet collected.
//!
//! Source: Delta protocol, "Per-file Statistics". Bounds may be wider than the values, never
//! narrower; where that can't be written exactly, there is none.

use arrow::datatypes::{DataType, Schema};
use chrono::{DateTime, Days, NaiveDate};
use parquet::file::metadata::ParquetMetaData;
use parquet::file::statistics::Statistics;
use serde_json::{Map, Value, json};

/// Decimal digits that a double keeps: JSON numbers are read as doubles.
const EXACT_DIGITS: u8 = 15;

pub(crate) fn of_file(schema: &Schema, metadata: &ParquetMetaData) -> Value {
    let (mut low, mut high, mut nulls) = (Map::new(), Map::new(), Map::new());
    let leaves = metadata.file_metadata().schema_descr();
    for leaf in 0..leaves.num_columns() {
        let path = leaves.column(leaf);
        let [name] = path.path().parts() else { continue };
        let Ok(field) = schema.field_with_name(name) else { continue };
        let chunks: Option<Vec<&Statistics>> =
            metadata.row_groups().iter().map(|group| group.column(leaf).statistics()).collect();
        let Some(chunks) = chunks else { continue };
        let count: Option<u64> = chunks.iter().map(|chunk| chunk.null_count_opt()).sum();
        nulls.extend(count.map(|count| (name.clone(), json!(count))));
        if let Some((least, most)) = bounds(&chunks)
            && let (Some(least), Some(most)) = (least.write(field.data_type()), most.write(field.data_type()))
        {
            low.insert(name.clone(), least);
            high.insert(name.clone(), most);
        }
    }
    let rows = metadata.file_metadata().num_rows();
    json!({ "numRecords": rows, "minValues": low, "maxValues": high, "nullCount": nulls })
}

#[derive(Debug, Clone, PartialEq, PartialOrd)]
enum Bound {
    Number(i64),
    Text(String),
}

/// The least and the most over chunks that have any values.
fn bounds(chunks: &[&Statistics]) -> Option<(Bound, Bound)> {
    let mut all: Option<(Bound, Bound)> = None;
    for chunk in chunks {
        let (least, most) = match chunk {
            Statistics::Int32(of) => (of.min_opt().map(|v| number(*v)), of.max_opt().map(|v| number(*v))),
            Statistics::Int64(of) => (of.min_opt().map(|v| number(*v)), of.max_opt().map(|v| number(*v))),
            Statistics::ByteArray(of) => {
                let text = |bytes: &parquet::data_type::ByteArray| bytes.as_utf8().ok().map(|v| Bound::Text(v.into()));
                (of.min_opt().and_then(text), of.max_opt().and_then(text))
            }
            _ => return None,
        };
        // A chunk of nulls alone has no bounds and needs none; one with values but no bounds makes them unknown.
        let (Some(least), Some(most)) = (least, most) else { return None };
        all = Some(match all {
            None => (least, most),
            Some((low, high)) => (if least < low { least } else { low }, if most > high { most } else { high }),
        });
    }
    all
}

fn number(value: impl Into<i64>) -> Bound {
    Bound::Number(value.into())
}

impl Bound {
    fn write(&self, data_type: &DataType) -> Option<Value> {
        match (self, data_type) {
            (Bound::Text(text), DataType::Utf8 | DataType::Utf8View) => Some(json!(text)),
            (Bound::Number(value), DataType::Int8 | DataType::Int16 | DataType::Int32 | DataType::Int64) => {
                Some(json!(value))
            }
            (Bound::Number(days), DataType::Date32) => {
                let epoch = NaiveDate::default();
                let distance = Days::new(days.unsigned_abs());
                let date = if *days < 0 { epoch.checked_sub_days(distance) } else { epoch.checked_add_days(distance) }?;
                Some(json!(date.format("%Y-%m-%d").to_string()))
            }
            (Bound::Number(us), DataType::Timestamp(..)) => {
                let at = DateTime::from_timestamp_micros(*us)?;
                Some(json!(at.format("%Y-%m-%dT%H:%M:%S%.6fZ").to_string()))
            }
            (Bound::Number(unscaled), DataType::Decimal128(precision, scale)) if *precision <= EXACT_DIGITS => {
                Some(json!(*unscaled as f64 / 10f64.powi(i32::from(*scale))))
            }
            _ => None,
        }
    }
}
