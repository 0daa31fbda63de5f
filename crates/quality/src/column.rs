//! Columns as they are measured: each in its own type for what is shown, and in one of a few types for what is compared.

use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, RecordBatch};
use arrow::buffer::BooleanBuffer;
use arrow::compute::{cast, filter};
use arrow::datatypes::{DataType, Field, Schema, TimeUnit};
use headwater_query::render::json;

use crate::Result;

/// How values of a type are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// As `Int64`: whole numbers, days, microseconds.
    Int,
    Float,
    /// As `Decimal128` of this scale.
    Decimal(i8),
    Text,
    Boolean,
    /// Only whether it is null.
    Other,
}

/// A column of a scan.
#[derive(Debug, Clone)]
pub struct Column {
    pub name: String,
    /// Without dictionaries; texts are views.
    pub data_type: DataType,
    pub class: Class,
}

impl Column {
    pub fn of(field: &Field) -> Column {
        let data_type = plain_type(field.data_type());
        Column { name: field.name().clone(), class: class(&data_type), data_type }
    }

    pub fn is_number(&self) -> bool {
        self.data_type.is_numeric()
    }

    /// A moment or a day.
    pub fn is_time(&self) -> bool {
        matches!(self.data_type, DataType::Date32 | DataType::Timestamp(..))
    }
}

fn plain_type(data_type: &DataType) -> DataType {
    match data_type {
        DataType::Dictionary(_, value) => plain_type(value),
        DataType::Utf8 | DataType::LargeUtf8 => DataType::Utf8View,
        DataType::Decimal32(precision, scale) | DataType::Decimal64(precision, scale) => {
            DataType::Decimal128(*precision, *scale)
        }
        DataType::UInt64 => DataType::Decimal128(20, 0),
        DataType::Float16 => DataType::Float32,
        DataType::Date64 => DataType::Date32,
        DataType::Timestamp(_, zone) => DataType::Timestamp(TimeUnit::Microsecond, zone.clone()),
        other => other.clone(),
    }
}

fn class(plain: &DataType) -> Class {
    match plain {
        DataType::Int8 | DataType::Int16 | DataType::Int32 | DataType::Int64 => Class::Int,
        DataType::UInt8 | DataType::UInt16 | DataType::UInt32 => Class::Int,
        DataType::Date32 | DataType::Timestamp(..) => Class::Int,
        DataType::Float32 | DataType::Float64 => Class::Float,
        DataType::Decimal128(_, scale) => Class::Decimal(*scale),
        DataType::Utf8View => Class::Text,
        DataType::Boolean => Class::Boolean,
        _ => Class::Other,
    }
}

/// The values of one column in a batch.
#[derive(Debug, Clone)]
pub struct Values {
    /// In the column's type.
    pub plain: ArrayRef,
    /// In that of its class.
    pub compared: ArrayRef,
}

impl Values {
    pub fn of(array: &ArrayRef) -> Result<Values> {
        let plain = to(array, &plain_type(array.data_type()))?;
        let compared = match (class(plain.data_type()), plain.data_type()) {
            // There is no direct way.
            (Class::Int, DataType::Date32) => to(&to(&plain, &DataType::Int32)?, &DataType::Int64)?,
            (Class::Int, _) => to(&plain, &DataType::Int64)?,
            (Class::Float, _) => to(&plain, &DataType::Float64)?,
            _ => Arc::clone(&plain),
        };
        Ok(Values { plain, compared })
    }

    fn filtered(&self, rows: &BooleanArray) -> Result<Values> {
        let plain = filter(&self.plain, rows)?;
        let same = Arc::ptr_eq(&self.plain, &self.compared);
        let compared = if same { Arc::clone(&plain) } else { filter(&self.compared, rows)? };
        Ok(Values { plain, compared })
    }

    pub fn is_null(&self) -> BooleanBuffer {
        match self.plain.logical_nulls() {
            Some(nulls) => !nulls.inner(),
            None => BooleanBuffer::new_unset(self.plain.len()),
        }
    }
}

fn to(array: &ArrayRef, wanted: &DataType) -> Result<ArrayRef> {
    if array.data_type() == wanted { Ok(Arc::clone(array)) } else { Ok(cast(array, wanted)?) }
}

/// Rows of a scan.
#[derive(Debug, Clone)]
pub struct Batch {
    pub rows: usize,
    pub columns: Vec<Values>,
}

impl Batch {
    pub fn filtered(&self, rows: &BooleanArray) -> Result<Batch> {
        let columns = self.columns.iter().map(|values| values.filtered(rows)).collect::<Result<Vec<_>>>()?;
        Ok(Batch { rows: rows.true_count(), columns })
    }
}

/// Each value as JSON.
pub fn json_values(array: &ArrayRef) -> Result<Vec<String>> {
    const AROUND: (usize, usize) = (r#"{"":"#.len(), "}".len());
    let lines = json_rows(&[("", Arc::clone(array))])?;
    Ok(lines.into_iter().map(|line| line[AROUND.0..line.len() - AROUND.1].to_owned()).collect())
}

/// Each row as a JSON object.
pub fn json_rows(columns: &[(&str, ArrayRef)]) -> Result<Vec<String>> {
    let fields = columns.iter().map(|(name, array)| Field::new(*name, array.data_type().clone(), true));
    let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
    let rows = RecordBatch::try_new(schema, columns.iter().map(|(_, array)| Arc::clone(array)).collect())?;
    let mut out = Vec::new();
    json::lines(&rows, &mut out)?;
    Ok(String::from_utf8_lossy(&out).lines().map(str::to_owned).collect())
}
