//! Which changes of columns leave rows as they are.
//!
//! Records of a stream that are not archived yet are decoded by the new columns, rows that are get them in the archive. So a change
//! takes effect at the offset where the archive ends when it is made, for views, queries and archive alike.

use arrow::datatypes::{DataType, Field, Schema};
use headwater_format::Format;
use headwater_query::relation::Stream;
use headwater_query::sqltype::sql_name;

use crate::plan::Class;

/// How a change of columns looks to whoever reads the stream.
///
/// # Errors
/// Why its rows can't have the new columns.
pub fn evolve(before: &Stream, after: &Stream) -> Result<Class, String> {
    let name = &after.name;
    if before.format != after.format {
        return Err("its format stays that of its records".to_owned());
    }
    if before.partitions != after.partitions {
        return Err(format!("the number of its partitions stays {}", before.partitions));
    }
    let watermark =
        |stream: &Stream| stream.watermark.map(|each| (stream.schema.field(each.column).name().clone(), each.delay_us));
    if watermark(before) != watermark(after) {
        return Err(format!("what is late in {name} was decided by the watermark that it has"));
    }
    keys(before, after)?;
    let class = follow(&before.schema, &after.schema)?;
    let names = |stream: &Stream| stream.schema.fields().iter().map(|field| field.name().clone()).collect::<Vec<_>>();
    if before.format == Format::Csv && names(before) != names(after) {
        return Err(format!("the records of {name} are CSV, which has its columns by their place"));
    }
    Ok(class)
}

/// How a change of stored rows' columns looks to whoever reads them.
///
/// # Errors
/// Why rows that are there can't have the new columns.
pub fn follow(before: &Schema, after: &Schema) -> Result<Class, String> {
    let mut class = Class::NonBreaking;
    for field in before.fields() {
        match after.field_with_name(field.name()) {
            Ok(now) => class = class.max(column(field, now)?),
            Err(_) => class = Class::Breaking,
        }
    }
    for field in after.fields() {
        if before.field_with_name(field.name()).is_err() && !field.is_nullable() {
            return Err(format!("rows that are there have no value for {}, which is NOT NULL", field.name()));
        }
    }
    Ok(class)
}

/// The partition of a row must stay what it is.
fn keys(before: &Stream, after: &Stream) -> Result<(), String> {
    let key = |stream: &Stream| -> Vec<(String, bool, DataType)> {
        let fields = stream.partition_key.iter().map(|at| stream.schema.field(*at));
        let of = |field: &Field| (field.name().clone(), field.data_type().is_integer());
        // Integers of all sizes give the same key.
        let typed =
            |field: &Field| if field.data_type().is_integer() { DataType::Int64 } else { field.data_type().clone() };
        fields.map(|field| (of(field).0, of(field).1, typed(field))).collect()
    };
    match key(before) == key(after) {
        true => Ok(()),
        false => Err(format!("the rows of {} lie in the partitions that its PARTITION KEY chose", after.name)),
    }
}

fn column(before: &Field, after: &Field) -> Result<Class, String> {
    let name = after.name();
    if before.is_nullable() && !after.is_nullable() {
        return Err(format!("rows that are there may have no value for {name}, which becomes NOT NULL"));
    }
    let (from, to) = (before.data_type(), after.data_type());
    if from == to {
        return Ok(Class::NonBreaking);
    }
    if !widens(from, to) {
        return Err(format!("column {name} is {}, which {} does not hold exactly", sql_name(from), sql_name(to)));
    }
    Ok(Class::Breaking)
}

/// Whether `to` holds every value of `from` exactly.
fn widens(from: &DataType, to: &DataType) -> bool {
    /// Bits of an integer without its sign, and decimal digits that all of them have room in.
    fn integer(data_type: &DataType) -> Option<(u32, u8)> {
        match data_type {
            DataType::Int8 => Some((7, 3)),
            DataType::Int16 => Some((15, 5)),
            DataType::Int32 => Some((31, 10)),
            DataType::Int64 => Some((63, 19)),
            _ => None,
        }
    }
    let whole = |precision: u8, scale: i8| i16::from(precision) - i16::from(scale);
    match (integer(from), from, integer(to), to) {
        (Some((from, _)), _, Some((to, _)), _) => from <= to,
        (Some((bits, _)), _, _, DataType::Float32) => bits <= 24,
        (Some((bits, _)), _, _, DataType::Float64) => bits <= 53,
        (Some((_, digits)), _, _, DataType::Decimal128(precision, scale)) => {
            i16::from(digits) <= whole(*precision, *scale)
        }
        (_, DataType::Float32, _, DataType::Float64) => true,
        (_, DataType::Decimal128(p, s), _, DataType::Decimal128(precision, scale)) => {
            s <= scale && whole(*p, *s) <= whole(*precision, *scale)
        }
        _ => false,
    }
}
