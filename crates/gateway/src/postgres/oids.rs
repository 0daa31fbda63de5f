//! Arrow's types as PostgreSQL's, by their object identifiers.
//!
//! Identifiers and sizes are those of PostgreSQL's catalog `pg_type`.

use arrow::datatypes::{DataType, Field, IntervalUnit, TimeUnit};
use headwater_query::relation::timestamp_type;

pub const BOOL: u32 = 16;
pub const BYTEA: u32 = 17;
pub const CHAR: u32 = 18;
pub const NAME: u32 = 19;
pub const INT8: u32 = 20;
pub const INT2: u32 = 21;
pub const INT4: u32 = 23;
pub const TEXT: u32 = 25;
pub const OID: u32 = 26;
pub const JSON: u32 = 114;
pub const FLOAT4: u32 = 700;
pub const FLOAT8: u32 = 701;
pub const UNKNOWN: u32 = 705;
pub const BPCHAR: u32 = 1042;
pub const VARCHAR: u32 = 1043;
pub const DATE: u32 = 1082;
pub const TIME: u32 = 1083;
pub const TIMESTAMP: u32 = 1114;
pub const TIMESTAMPTZ: u32 = 1184;
pub const INTERVAL: u32 = 1186;
pub const NUMERIC: u32 = 1700;
pub const UUID: u32 = 2950;
pub const JSONB: u32 = 3802;

/// A type of PostgreSQL that values can have here.
#[derive(Debug)]
pub struct Known {
    pub oid: u32,
    pub name: &'static str,
    /// Of SQL's standard, as `format_type` says it.
    pub formal: &'static str,
    /// Bytes; -1 is any number of them.
    pub size: i16,
    /// The array of it.
    pub array: u32,
    /// As `pg_type.typcategory` has it.
    pub category: char,
}

const fn known(oid: u32, name: &'static str, formal: &'static str, size: i16, array: u32, category: char) -> Known {
    Known { oid, name, formal, size, array, category }
}

pub const KNOWN: &[Known] = &[
    known(BOOL, "bool", "boolean", 1, 1000, 'B'),
    known(BYTEA, "bytea", "bytea", -1, 1001, 'U'),
    known(CHAR, "char", "\"char\"", 1, 1002, 'Z'),
    known(NAME, "name", "name", 64, 1003, 'S'),
    known(INT8, "int8", "bigint", 8, 1016, 'N'),
    known(INT2, "int2", "smallint", 2, 1005, 'N'),
    known(INT4, "int4", "integer", 4, 1007, 'N'),
    known(TEXT, "text", "text", -1, 1009, 'S'),
    known(OID, "oid", "oid", 4, 1028, 'N'),
    known(JSON, "json", "json", -1, 199, 'U'),
    known(FLOAT4, "float4", "real", 4, 1021, 'N'),
    known(FLOAT8, "float8", "double precision", 8, 1022, 'N'),
    known(UNKNOWN, "unknown", "unknown", -2, 0, 'X'),
    known(BPCHAR, "bpchar", "character", -1, 1014, 'S'),
    known(VARCHAR, "varchar", "character varying", -1, 1015, 'S'),
    known(DATE, "date", "date", 4, 1182, 'D'),
    known(TIME, "time", "time without time zone", 8, 1183, 'D'),
    known(TIMESTAMP, "timestamp", "timestamp without time zone", 8, 1115, 'D'),
    known(TIMESTAMPTZ, "timestamptz", "timestamp with time zone", 8, 1185, 'D'),
    known(INTERVAL, "interval", "interval", 16, 1187, 'T'),
    known(NUMERIC, "numeric", "numeric", -1, 1231, 'N'),
    known(UUID, "uuid", "uuid", 16, 2951, 'U'),
    known(JSONB, "jsonb", "jsonb", -1, 3807, 'U'),
];

pub fn by_oid(oid: u32) -> Option<&'static Known> {
    KNOWN.iter().find(|known| known.oid == oid)
}

/// The type whose arrays have this identifier.
pub fn element(array: u32) -> Option<&'static Known> {
    KNOWN.iter().find(|known| known.array == array && array != 0)
}

/// The identifier of a column's type.
pub fn oid(arrow: &DataType) -> u32 {
    match arrow {
        DataType::Boolean => BOOL,
        DataType::Int8 | DataType::Int16 | DataType::UInt8 => INT2,
        DataType::Int32 | DataType::UInt16 => INT4,
        DataType::Int64 | DataType::UInt32 => INT8,
        DataType::Float16 | DataType::Float32 => FLOAT4,
        DataType::Float64 => FLOAT8,
        DataType::UInt64
        | DataType::Decimal32(..)
        | DataType::Decimal64(..)
        | DataType::Decimal128(..)
        | DataType::Decimal256(..) => NUMERIC,
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_) => BYTEA,
        DataType::Date32 | DataType::Date64 => DATE,
        DataType::Time32(_) | DataType::Time64(_) => TIME,
        DataType::Timestamp(_, None) => TIMESTAMP,
        DataType::Timestamp(_, Some(_)) => TIMESTAMPTZ,
        DataType::Interval(_) | DataType::Duration(_) => INTERVAL,
        DataType::Struct(_) | DataType::Map(..) | DataType::Union(..) => JSON,
        DataType::Dictionary(_, value) => oid(value),
        DataType::RunEndEncoded(_, values) => oid(values.data_type()),
        DataType::List(item)
        | DataType::LargeList(item)
        | DataType::FixedSizeList(item, _)
        | DataType::ListView(item)
        | DataType::LargeListView(item) => match by_oid(oid(item.data_type())) {
            Some(known) if known.oid != JSON => known.array,
            // Lists of lists may have any shape, which PostgreSQL's arrays may not.
            _ => JSON,
        },
        _ => TEXT,
    }
}

/// Bytes of a value; -1 is any number of them.
pub fn size(oid: u32) -> i16 {
    by_oid(oid).map_or(-1, |known| known.size)
}

/// Precision and scale of a decimal as PostgreSQL packs them; -1 where there is nothing to say.
pub fn modifier(field: &Field) -> i32 {
    match field.data_type() {
        DataType::Decimal128(precision, scale) | DataType::Decimal256(precision, scale) if *scale >= 0 => {
            ((i32::from(*precision) << 16) | i32::from(*scale)) + 4
        }
        DataType::UInt64 => (20 << 16) + 4,
        _ => -1,
    }
}

/// What a parameter of a type is to the planner. `None`: its place tells.
pub fn arrow(oid: u32) -> Option<DataType> {
    Some(match oid {
        BOOL => DataType::Boolean,
        BYTEA => DataType::Binary,
        INT2 => DataType::Int16,
        INT4 => DataType::Int32,
        INT8 | OID => DataType::Int64,
        FLOAT4 => DataType::Float32,
        FLOAT8 => DataType::Float64,
        NUMERIC => DataType::Decimal128(38, 10),
        TEXT | VARCHAR | BPCHAR | NAME | CHAR | JSON | JSONB | UUID => DataType::Utf8View,
        DATE => DataType::Date32,
        TIME => DataType::Time64(TimeUnit::Microsecond),
        // All times of the language are UTC.
        TIMESTAMP | TIMESTAMPTZ => timestamp_type(),
        INTERVAL => DataType::Interval(IntervalUnit::MonthDayNano),
        array => {
            let item = arrow(element(array)?.oid)?;
            DataType::List(std::sync::Arc::new(Field::new_list_field(item, true)))
        }
    })
}
