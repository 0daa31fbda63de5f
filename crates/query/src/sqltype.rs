//! SQL types to Arrow types, one table for declared columns and for casts.
//!
//! What is not in the table is refused by name where a column is declared. In a query, DataFusion's own mapping
//! serves types that no stored column can have (arrays, intervals, times of day).

use std::sync::Arc;

use arrow::datatypes::{DECIMAL128_MAX_PRECISION, DataType, Field, FieldRef, TimeUnit};
use datafusion::common::DataFusionError;
use datafusion::logical_expr::planner::TypePlanner;
use sqlparser::ast::{DataType as Sql, ExactNumberInfo};

use crate::relation::timestamp_type;

/// What a column can hold. `Ok(None)` is a type that we have no column for; an error is one that is almost right.
pub fn column_type(sql: &Sql) -> Result<Option<DataType>, String> {
    let arrow = match sql {
        Sql::Boolean | Sql::Bool => DataType::Boolean,
        Sql::TinyInt(None) => DataType::Int8,
        Sql::SmallInt(None) | Sql::Int2(None) => DataType::Int16,
        Sql::Int(None) | Sql::Integer(None) | Sql::Int4(None) => DataType::Int32,
        Sql::BigInt(None) | Sql::Int8(None) => DataType::Int64,
        Sql::Real | Sql::Float4 => DataType::Float32,
        Sql::Double(ExactNumberInfo::None) | Sql::DoublePrecision | Sql::Float8 => DataType::Float64,
        Sql::Float(precision) => float_type(*precision)?,
        Sql::Decimal(size) | Sql::Numeric(size) | Sql::Dec(size) => decimal_type(*size)?,
        Sql::Varchar(None) | Sql::CharacterVarying(None) | Sql::CharVarying(None) => DataType::Utf8View,
        Sql::Text | Sql::String(None) => DataType::Utf8View,
        Sql::Varchar(Some(_)) | Sql::CharacterVarying(Some(_)) | Sql::CharVarying(Some(_)) => {
            return Err("VARCHAR takes no length; use a rule: EXPECT (length(column) <= n)".to_owned());
        }
        Sql::Char(_) | Sql::Character(_) => {
            return Err("CHAR pads with blanks and is not built; use VARCHAR".to_owned());
        }
        Sql::Date => DataType::Date32,
        Sql::Timestamp(precision, _) | Sql::Datetime(precision) => timestamp_of(*precision)?,
        Sql::TimestampNtz(precision) => timestamp_of(*precision)?,
        _ => return Ok(None),
    };
    Ok(Some(arrow))
}

/// PostgreSQL's rule: up to 24 bits of mantissa are single precision.
fn float_type(precision: ExactNumberInfo) -> Result<DataType, String> {
    match precision {
        ExactNumberInfo::None | ExactNumberInfo::Precision(25..=53) => Ok(DataType::Float64),
        ExactNumberInfo::Precision(1..=24) => Ok(DataType::Float32),
        _ => Err("FLOAT takes a precision from 1 to 53 bits".to_owned()),
    }
}

/// Without a size, DataFusion's default of 38 digits, 10 of them after the point.
fn decimal_type(size: ExactNumberInfo) -> Result<DataType, String> {
    let (precision, scale) = match size {
        ExactNumberInfo::None => (u64::from(DECIMAL128_MAX_PRECISION), 10),
        ExactNumberInfo::Precision(precision) => (precision, 0),
        ExactNumberInfo::PrecisionAndScale(precision, scale) => (precision, scale),
    };
    let fits = (1..=u64::from(DECIMAL128_MAX_PRECISION)).contains(&precision)
        && u64::try_from(scale).is_ok_and(|scale| scale <= precision);
    match (fits, u8::try_from(precision), i8::try_from(scale)) {
        (true, Ok(precision), Ok(scale)) => Ok(DataType::Decimal128(precision, scale)),
        _ => Err("DECIMAL(p, s) takes p from 1 to 38 digits, s of them after the point, 0 to p".to_owned()),
    }
}

fn timestamp_of(precision: Option<u64>) -> Result<DataType, String> {
    match precision {
        None | Some(6) => Ok(timestamp_type()),
        _ => Err("TIMESTAMP has microseconds; leave the precision away".to_owned()),
    }
}

/// How `CAST` and typed literals read a type.
#[derive(Debug)]
pub struct Casts;

impl TypePlanner for Casts {
    fn plan_type_field(&self, sql: &Sql) -> datafusion::common::Result<Option<FieldRef>> {
        let found = column_type(sql).map_err(DataFusionError::Plan)?;
        Ok(found.map(|arrow| Arc::new(Field::new("", arrow, true))))
    }
}

/// The type in which a view's column of this type is stored; `None` when nothing can store it.
///
/// Unsigned integers widen to the next signed type, times become microseconds, strings become views.
pub fn stored_type(arrow: &DataType) -> Option<DataType> {
    Some(match arrow {
        DataType::Boolean | DataType::Date32 | DataType::Float32 | DataType::Float64 => arrow.clone(),
        DataType::Int8 | DataType::Int16 | DataType::Int32 | DataType::Int64 => arrow.clone(),
        DataType::UInt8 => DataType::Int16,
        DataType::UInt16 => DataType::Int32,
        DataType::UInt32 => DataType::Int64,
        DataType::UInt64 => DataType::Decimal128(20, 0),
        DataType::Float16 => DataType::Float32,
        DataType::Decimal32(precision, scale) | DataType::Decimal64(precision, scale) if *scale >= 0 => {
            DataType::Decimal128(*precision, *scale)
        }
        DataType::Decimal128(_, scale) if *scale >= 0 => arrow.clone(),
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => DataType::Utf8View,
        DataType::Timestamp(TimeUnit::Microsecond, Some(zone)) if &**zone == crate::relation::UTC => arrow.clone(),
        DataType::Timestamp(..) => timestamp_type(),
        DataType::Date64 => DataType::Date32,
        DataType::Dictionary(_, value) => stored_type(value)?,
        _ => return None,
    })
}

/// The SQL name of a type, for messages and `system.` relations.
pub fn sql_name(arrow: &DataType) -> String {
    match arrow {
        DataType::Boolean => "BOOLEAN".to_owned(),
        DataType::Int8 => "TINYINT".to_owned(),
        DataType::Int16 => "SMALLINT".to_owned(),
        DataType::Int32 => "INT".to_owned(),
        DataType::Int64 => "BIGINT".to_owned(),
        DataType::Float32 => "REAL".to_owned(),
        DataType::Float64 => "DOUBLE".to_owned(),
        DataType::Decimal128(precision, scale) => format!("DECIMAL({precision}, {scale})"),
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => "VARCHAR".to_owned(),
        DataType::Date32 | DataType::Date64 => "DATE".to_owned(),
        DataType::Timestamp(..) => "TIMESTAMP".to_owned(),
        DataType::Interval(_) | DataType::Duration(_) => "INTERVAL".to_owned(),
        other => other.to_string(),
    }
}
