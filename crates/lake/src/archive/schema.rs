//! The columns of an archive: the stream's own, then where and when each row came.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, FieldRef, Fields, Schema, SchemaRef, TimeUnit};
use deltalake::kernel::StructType;
use deltalake::kernel::engine::arrow_conversion::{TryFromArrow, TryIntoArrow};

use crate::{Error, Result};

/// The partition of the stream that a row came in: INT.
pub const PARTITION: &str = "_partition";
/// The row's offset in its partition: BIGINT.
pub const OFFSET: &str = "_offset";
/// When the row was appended to the log: TIMESTAMP.
pub const TIMESTAMP: &str = "_timestamp";

pub(crate) fn own_columns() -> [Field; 3] {
    let instant = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
    [
        Field::new(PARTITION, DataType::Int32, false),
        Field::new(OFFSET, DataType::Int64, false),
        Field::new(TIMESTAMP, instant, false),
    ]
}

/// Refuses columns that a table can't hold.
pub(crate) fn check_columns(columns: &Schema) -> Result<()> {
    let mut seen = std::collections::HashSet::new();
    for field in columns.fields() {
        if !seen.insert(field.name().to_lowercase()) {
            let reason = "another column has the same name but for capitals, which Delta does not tell apart";
            return Err(Error::ColumnName { column: field.name().clone(), reason });
        }
        check_type(field.name(), field.data_type())?;
    }
    Ok(())
}

/// The archive's schema for a stream's columns, checked for what Delta can hold.
pub(crate) fn of_stream(columns: &Schema) -> Result<SchemaRef> {
    let own = own_columns();
    let mut seen = own.iter().map(|field| field.name().clone()).collect::<std::collections::HashSet<_>>();
    for field in columns.fields() {
        let refused = |reason| Error::ColumnName { column: field.name().clone(), reason };
        if own.iter().any(|own| own.name().eq_ignore_ascii_case(field.name())) {
            return Err(refused("the archive has a column of that name itself"));
        }
        if !seen.insert(field.name().to_lowercase()) {
            return Err(refused("another column has the same name but for capitals, which Delta does not tell apart"));
        }
        check_type(field.name(), field.data_type())?;
    }
    let fields = columns.fields().iter().cloned().chain(own.map(Arc::new));
    Ok(Arc::new(Schema::new(fields.collect::<Vec<FieldRef>>())))
}

fn check_type(column: &str, data_type: &DataType) -> Result<()> {
    match data_type {
        DataType::Boolean
        | DataType::Int8
        | DataType::Int16
        | DataType::Int32
        | DataType::Int64
        | DataType::Float32
        | DataType::Float64
        | DataType::Utf8
        | DataType::Utf8View
        | DataType::Binary
        | DataType::BinaryView
        | DataType::Date32 => Ok(()),
        DataType::Timestamp(TimeUnit::Microsecond, Some(zone)) if zone.as_ref() == "UTC" => Ok(()),
        DataType::Decimal128(_, scale) if *scale >= 0 => Ok(()),
        DataType::List(element) => check_type(column, element.data_type()),
        DataType::Struct(fields) => fields.iter().try_for_each(|field| check_type(column, field.data_type())),
        other => Err(Error::ColumnType { column: column.to_owned(), data_type: other.to_string() }),
    }
}

/// The schema as Delta writes it down.
pub(crate) fn to_delta(schema: &Schema) -> Result<StructType> {
    StructType::try_from_arrow(schema)
        .map_err(|error| Error::ColumnType { column: String::new(), data_type: error.to_string() })
}

/// A table's schema as the engine has it: text and bytes as views.
pub(crate) fn from_delta(table: &str, schema: &StructType) -> Result<SchemaRef> {
    let converted: Result<Schema, _> = schema.try_into_arrow();
    let schema = converted.map_err(|error| Error::Feature { table: table.to_owned(), detail: error.to_string() })?;
    let fields: Fields = schema.fields().iter().map(view).collect();
    Ok(Arc::new(Schema::new(fields)))
}

fn view(field: &FieldRef) -> FieldRef {
    let data_type = match field.data_type() {
        DataType::Utf8 | DataType::LargeUtf8 => DataType::Utf8View,
        DataType::Binary | DataType::LargeBinary => DataType::BinaryView,
        DataType::List(element) => DataType::List(view(element)),
        DataType::Struct(fields) => DataType::Struct(fields.iter().map(view).collect()),
        other => other.clone(),
    };
    Arc::new(Field::new(field.name(), data_type, field.is_nullable()))
}

/// Compares what a stream needs with what a table has.
pub(crate) fn compare(table: &str, needed: &Schema, found: &StructType) -> Result<()> {
    let needed = to_delta(needed)?;
    let differ = |detail: String| Err(Error::Schema { table: table.to_owned(), detail });
    let mut have = found.fields();
    for field in needed.fields() {
        let Some(other) = have.next() else {
            return differ(format!("it has no column {:?}", field.name()));
        };
        if field.name() != other.name() {
            return differ(format!("it has {:?} where the stream has {:?}", other.name(), field.name()));
        }
        if field.data_type() != other.data_type() {
            let (have, need) = (other.data_type(), field.data_type());
            return differ(format!("its column {:?} is {have}, the stream's is {need}", field.name()));
        }
        if field.is_nullable() && !other.is_nullable() {
            return differ(format!("its column {:?} may not be null, the stream's may", field.name()));
        }
    }
    match have.next() {
        Some(more) => differ(format!("it has a column {:?} more", more.name())),
        None => Ok(()),
    }
}
