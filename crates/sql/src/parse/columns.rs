//! Columns of streams and tables.

use sqlparser::ast::DataType;

use super::{Cursor, lists};
use crate::ast::{Column, Name};
use crate::{Fault, Result, Span};

/// Types that may be meant by a mistyped one.
const TYPES: [&str; 17] = [
    "bigint",
    "boolean",
    "bytea",
    "date",
    "decimal",
    "double",
    "float",
    "int",
    "integer",
    "numeric",
    "real",
    "smallint",
    "text",
    "time",
    "timestamp",
    "tinyint",
    "varchar",
];

/// `name TYPE [NOT NULL]`. What else may stand behind it is the caller's, who ends it with [`end`].
pub(super) fn column(cursor: &mut Cursor<'_>, columns: &[Column]) -> Result<Column> {
    let start = cursor.position();
    let name = cursor.name("the name of a column")?;
    lists::refuse_too_many(cursor, columns, name.span, "columns")?;
    if let Some(first) = columns.iter().find(|column| column.name == name) {
        let refused = cursor.error(name.span, format!("column {name} stands twice")).with_fault(Fault::ColumnTwice);
        return Err(refused.with_related(cursor.source().clone(), first.name.span, "it stands first here"));
    }
    let (data_type, data_type_span) = data_type(cursor)?;
    let not_null = cursor.take(&["NOT", "NULL"]);
    if !not_null {
        cursor.take(&["NULL"]);
    }
    Ok(Column { name, data_type, data_type_span, not_null, span: cursor.span_from(start) })
}

pub(super) fn data_type(cursor: &mut Cursor<'_>) -> Result<(DataType, Span)> {
    let start = cursor.position();
    let data_type = cursor.data_type()?;
    let span = cursor.span_from(start);
    let DataType::Custom(written, _) = &data_type else { return Ok((data_type, span)) };
    let written = written.to_string();
    let refused = cursor.error(span, format!("{written} is not a type")).with_fault(Fault::NoObject);
    Err(match crate::nearest(&written.to_ascii_lowercase(), TYPES) {
        Some(near) => refused.with_hint(format!("did you mean {}?", near.to_ascii_uppercase())),
        None => refused,
    })
}

/// Refuses what other systems let stand behind a column.
pub(super) fn end(cursor: &Cursor<'_>) -> Result<()> {
    if let Some(word @ ("DEFAULT" | "UNIQUE" | "CHECK" | "REFERENCES" | "GENERATED" | "COLLATE" | "COMMENT" | "AS")) =
        cursor.word().as_deref()
    {
        let refused = cursor.not_built(cursor.span(), &format!("{word} on a column is"));
        return Err(if word == "CHECK" {
            refused.with_hint("write a rule: CONSTRAINT name EXPECT (condition) ON VIOLATION QUARANTINE")
        } else {
            refused
        });
    }
    Ok(())
}

/// Refuses a name that none of the columns has.
pub(super) fn known(cursor: &Cursor<'_>, columns: &[Column], wanted: &Name) -> Result<()> {
    if columns.iter().any(|column| column.name == *wanted) {
        return Ok(());
    }
    let refused = cursor.error(wanted.span, format!("there is no column {wanted}")).with_fault(Fault::NoColumn);
    Err(match crate::nearest(&wanted.value, columns.iter().map(|column| column.name.value.as_str())) {
        Some(near) => refused.with_hint(format!("did you mean {near}?")),
        None => refused,
    })
}
