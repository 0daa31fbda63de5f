//! Which types hold every value of another one exactly.

use sqlparser::ast::{DataType, ExactNumberInfo};

use super::Place;
use crate::Result;
use crate::ast::Column;

/// DataFusion's size of a DECIMAL without one.
const DECIMAL_DEFAULT: (u64, i64) = (38, 10);

/// A type by what it can hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Holds {
    /// Signed, of so many bits.
    Integer(u32),
    /// Of so many bits of mantissa.
    Float(u32),
    Decimal {
        precision: u64,
        scale: i64,
    },
    Text,
    Other,
}

/// Gives a column its new type.
pub(super) fn column(column: &mut Column, to: &DataType, place: &Place<'_>) -> Result<()> {
    let from = &column.data_type;
    if !widens(from, to) {
        let refused = place.refuse(format!("column {} is {from}, which {to} does not hold exactly", column.name));
        return Err(refused.with_hint(
            "types only widen: SMALLINT, INT, BIGINT; REAL, DOUBLE; DECIMAL(p, s) to more digits. Else add a column",
        ));
    }
    column.data_type = to.clone();
    // Places in a definition that is altered are those of the text that it came from; the type now comes from another.
    column.data_type_span = column.span;
    Ok(())
}

/// Whether `to` holds every value of `from` exactly.
pub(super) fn widens(from: &DataType, to: &DataType) -> bool {
    match (holds(from), holds(to)) {
        (Holds::Integer(from), Holds::Integer(to)) => from <= to,
        (Holds::Integer(bits), Holds::Float(mantissa)) => bits - 1 <= mantissa,
        (Holds::Integer(bits), Holds::Decimal { precision, scale }) => digits(bits) <= whole(precision, scale),
        (Holds::Float(from), Holds::Float(to)) => from <= to,
        (Holds::Decimal { precision: p, scale: s }, Holds::Decimal { precision, scale }) => {
            s <= scale && whole(p, s) <= whole(precision, scale)
        }
        (Holds::Text, Holds::Text) => true,
        (Holds::Other, Holds::Other) => from == to,
        _ => false,
    }
}

fn holds(sql: &DataType) -> Holds {
    use DataType::{
        BigInt, CharVarying, CharacterVarying, Dec, Decimal, Double, DoublePrecision, Float, Float4, Float8, Int, Int2,
        Int4, Int8, Integer, Numeric, Real, SmallInt, String, Text, TinyInt, Varchar,
    };
    match sql {
        TinyInt(None) => Holds::Integer(8),
        SmallInt(None) | Int2(None) => Holds::Integer(16),
        Int(None) | Integer(None) | Int4(None) => Holds::Integer(32),
        BigInt(None) | Int8(None) => Holds::Integer(64),
        Real | Float4 | Float(ExactNumberInfo::Precision(1..=24)) => Holds::Float(24),
        Double(ExactNumberInfo::None) | DoublePrecision | Float8 => Holds::Float(53),
        Float(ExactNumberInfo::None | ExactNumberInfo::Precision(25..=53)) => Holds::Float(53),
        Decimal(size) | Numeric(size) | Dec(size) => {
            let (precision, scale) = match size {
                ExactNumberInfo::None => DECIMAL_DEFAULT,
                ExactNumberInfo::Precision(precision) => (*precision, 0),
                ExactNumberInfo::PrecisionAndScale(precision, scale) => (*precision, *scale),
            };
            Holds::Decimal { precision, scale }
        }
        Varchar(None) | CharacterVarying(None) | CharVarying(None) | Text | String(None) => Holds::Text,
        _ => Holds::Other,
    }
}

/// Decimal digits that every integer of so many bits has room in.
fn digits(bits: u32) -> u64 {
    match bits {
        8 => 3,
        16 => 5,
        32 => 10,
        _ => 19,
    }
}

/// Digits before the point.
fn whole(precision: u64, scale: i64) -> u64 {
    u64::try_from(scale).map_or(precision, |scale| precision.saturating_sub(scale))
}
