//! Columns of Arrow as what learns and scores takes them.

use arrow::array::{Array, ArrayRef, AsArray, Float64Array, StringViewArray};
use arrow::compute::{SortColumn, cast, concat_batches, lexsort_to_indices, take_record_batch};
use arrow::datatypes::{DataType, Float64Type, Int64Type, SchemaRef};
use arrow::error::ArrowError;
use arrow::record_batch::RecordBatch;
use headwater_learn::data::{Feature, Target, Values};

/// The type in which a column of this one is a feature: numbers, texts, or true and false.
pub fn feature_type(data_type: &DataType) -> Option<DataType> {
    match data_type {
        DataType::Boolean => Some(DataType::Boolean),
        DataType::Utf8 | DataType::Utf8View | DataType::LargeUtf8 => Some(DataType::Utf8View),
        data_type if data_type.is_numeric() => Some(DataType::Float64),
        _ => None,
    }
}

/// A column as a feature.
pub fn feature(name: &str, column: &ArrayRef) -> Result<Feature, ArrowError> {
    let values = match column.data_type() {
        DataType::Utf8 | DataType::Utf8View | DataType::LargeUtf8 => Values::from_texts(texts(column)?.iter()),
        _ => Values::Numbers(numbers(column)?.iter().map(|value| value.unwrap_or(f64::NAN)).collect()),
    };
    Ok(Feature::new(name, values))
}

/// Numbers, and true and false as 1 and 0.
pub fn numbers(column: &ArrayRef) -> Result<Float64Array, ArrowError> {
    Ok(cast(column, &DataType::Float64)?.as_primitive::<Float64Type>().clone())
}

/// Anything, by its text.
pub fn texts(column: &ArrayRef) -> Result<StringViewArray, ArrowError> {
    Ok(cast(column, &DataType::Utf8View)?.as_string_view().clone())
}

/// Times in microseconds; what has none is older than all.
pub fn times(column: &ArrayRef) -> Result<Vec<i64>, ArrowError> {
    let micros = cast(column, &headwater_query::relation::timestamp_type())?;
    let micros = cast(&micros, &DataType::Int64)?;
    Ok(micros.as_primitive::<Int64Type>().iter().map(|time| time.unwrap_or(i64::MIN)).collect())
}

/// What is learnt, of these types: truths, numbers, or classes by their texts. Rows without one are to be left out before.
pub fn target(column: &ArrayRef, is_class: bool) -> Result<Target, ArrowError> {
    if column.data_type() == &DataType::Boolean {
        let truths = column.as_boolean();
        return Ok(Target::Binary((0..truths.len()).map(|row| truths.is_valid(row) && truths.value(row)).collect()));
    }
    if !is_class {
        return Ok(Target::Number(numbers(column)?.iter().map(|value| value.unwrap_or(f64::NAN)).collect()));
    }
    let texts = texts(column)?;
    let mut names: Vec<String> = texts.iter().flatten().map(str::to_owned).collect();
    names.sort();
    names.dedup();
    let code = |text: &str| names.binary_search_by(|name| name.as_str().cmp(text)).unwrap_or_default() as u32;
    let codes = texts.iter().map(|text| text.map_or(0, code)).collect();
    Ok(Target::Classes { codes, names })
}

/// All rows as one batch, in an order that does not depend on how they came: that of their values.
pub fn in_order(schema: &SchemaRef, batches: &[RecordBatch]) -> Result<RecordBatch, ArrowError> {
    let rows = concat_batches(schema, batches)?;
    if rows.num_columns() == 0 {
        return Ok(rows);
    }
    let by: Vec<SortColumn> =
        rows.columns().iter().map(|column| SortColumn { values: column.clone(), options: None }).collect();
    take_record_batch(&rows, &lexsort_to_indices(&by, None)?)
}

/// The rows that have a value in a column.
pub fn with_value(rows: &RecordBatch, column: usize) -> Result<RecordBatch, ArrowError> {
    let column = rows.column(column);
    if column.null_count() == 0 {
        return Ok(rows.clone());
    }
    arrow::compute::filter_record_batch(rows, &arrow::compute::is_not_null(column)?)
}
