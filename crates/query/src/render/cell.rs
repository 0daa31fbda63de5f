//! One value as text.

use arrow::array::Array;
use arrow::datatypes::DataType;
use arrow::util::display::{ArrayFormatter, DurationFormat, FormatOptions};

use crate::{Error, Result};

/// Formats the values of one column. NULL is the empty text.
pub fn formatter(array: &dyn Array) -> Result<ArrayFormatter<'_>> {
    let options = FormatOptions::new().with_duration_format(DurationFormat::ISO8601).with_display_error(false);
    ArrayFormatter::try_new(array, &options).map_err(|error| Error::Internal(error.to_string()))
}

/// Appends the text of a value.
pub fn write(formatter: &ArrayFormatter<'_>, row: usize, out: &mut Vec<u8>) -> Result<()> {
    use std::io::Write;
    write!(out, "{}", formatter.value(row))
        .map_err(|error| Error::Execution(format!("a value cannot be shown: {error}")))
}

/// Whether values of this type are numbers.
pub fn is_number(arrow: &DataType) -> bool {
    arrow.is_numeric()
}
