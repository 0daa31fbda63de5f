//! `CREATE STREAM`.

use sqlparser::ast::DataType;
use sqlparser::tokenizer::Token;

use super::{Cursor, lists, refused, rules};
use crate::ast::{Column, CreateStream, Name, Rule, Watermark};
use crate::settings::StreamSettings;
use crate::{Diagnostics, Result};

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

pub(super) fn create(cursor: &mut Cursor<'_>) -> Result<CreateStream, Diagnostics> {
    let start = cursor.position();
    cursor.expect(&["CREATE", "STREAM"])?;
    refused::if_not_exists(cursor)?;
    let name = lists::object_name(cursor, "the stream")?;
    let empty = lists::no_options(cursor, start);
    let Body { columns, watermark, rules } = body(cursor)?;
    let (mut partition_key, mut options) = (None, None);
    while !cursor.at_end() {
        if cursor.at(&["PARTITION", "KEY"]) && partition_key.is_none() {
            cursor.expect(&["PARTITION", "KEY"])?;
            partition_key = Some(lists::names(cursor)?);
        } else if cursor.at(&["WITH"]) && options.is_none() {
            cursor.advance();
            options = Some(lists::options(cursor)?);
        } else if cursor.at(&["PARTITION", "KEY"]) || cursor.at(&["WITH"]) {
            let word = cursor.word().unwrap_or_default();
            return Err(cursor.error(cursor.span(), format!("{word} stands twice")).into());
        } else if cursor.at(&["PARTITIONED", "BY"]) {
            let refused = cursor.error(cursor.span(), "a stream has no PARTITIONED BY");
            return Err(refused.with_hint("PARTITION KEY (…) says which partition of the log a row goes to").into());
        } else {
            return Err(cursor.expected("PARTITION KEY, WITH or the end of the statement").into());
        }
    }
    let partition_key = partition_key.unwrap_or_default();
    let named = partition_key.iter().chain(watermark.as_ref().map(|watermark| &watermark.column));
    for wanted in named {
        known(cursor, &columns, wanted)?;
    }
    let options = options.unwrap_or(empty);
    StreamSettings::read(&options)?;
    Ok(CreateStream { name, columns, watermark, rules, partition_key, options })
}

struct Body {
    columns: Vec<Column>,
    watermark: Option<Watermark>,
    rules: Vec<Rule>,
}

fn body(cursor: &mut Cursor<'_>) -> Result<Body> {
    let start = cursor.position();
    let mut body = Body { columns: Vec::new(), watermark: None, rules: Vec::new() };
    cursor.expect_token(&Token::LParen).map_err(|refused| refused.with_hint("the columns stand in parentheses"))?;
    loop {
        if cursor.at(&["WATERMARK", "FOR"]) {
            let watermark = watermark(cursor)?;
            if let Some(first) = &body.watermark {
                let refused = cursor.error(watermark.span, "a stream has one watermark");
                return Err(refused.with_related(cursor.source().clone(), first.span, "it stands first here"));
            }
            body.watermark = Some(watermark);
        } else if cursor.at(&["CONSTRAINT"]) {
            let rule = rules::rule(cursor, &body.rules)?;
            body.rules.push(rule);
        } else if cursor.at(&["PRIMARY", "KEY"]) {
            return Err(no_primary_key(cursor));
        } else {
            let column = column(cursor, &body.columns)?;
            body.columns.push(column);
        }
        if !cursor.take_token(&Token::Comma) {
            break;
        }
    }
    if !cursor.take_token(&Token::RParen) {
        return Err(cursor.expected("a comma or )"));
    }
    if body.columns.is_empty() {
        return Err(cursor.error(cursor.span_from(start), "a stream has at least one column"));
    }
    Ok(body)
}

fn watermark(cursor: &mut Cursor<'_>) -> Result<Watermark> {
    let start = cursor.position();
    cursor.expect(&["WATERMARK", "FOR"])?;
    let column = cursor.name("the column of event time")?;
    let hint = format!("write WATERMARK FOR {column} AS {column} - INTERVAL '5 seconds'");
    cursor.expect(&["AS"]).map_err(|refused| refused.with_hint(hint))?;
    let expression_start = cursor.position();
    let expression = cursor.expression()?;
    let expression_span = cursor.span_from(expression_start);
    Ok(Watermark { column, expression, expression_span, span: cursor.span_from(start) })
}

fn column(cursor: &mut Cursor<'_>, columns: &[Column]) -> Result<Column> {
    let start = cursor.position();
    let name = cursor.name("the name of a column")?;
    lists::refuse_too_many(cursor, columns, name.span, "columns")?;
    if let Some(first) = columns.iter().find(|column| column.name == name) {
        let refused = cursor.error(name.span, format!("column {name} stands twice"));
        return Err(refused.with_related(cursor.source().clone(), first.name.span, "it stands first here"));
    }
    let type_start = cursor.position();
    let data_type = cursor.data_type()?;
    let data_type_span = cursor.span_from(type_start);
    if let DataType::Custom(written, _) = &data_type {
        let written = written.to_string();
        let refused = cursor.error(data_type_span, format!("{written} is not a type"));
        return Err(match crate::nearest(&written.to_ascii_lowercase(), TYPES) {
            Some(near) => refused.with_hint(format!("did you mean {}?", near.to_ascii_uppercase())),
            None => refused,
        });
    }
    let not_null = cursor.take(&["NOT", "NULL"]);
    if !not_null {
        cursor.take(&["NULL"]);
    }
    if cursor.at(&["PRIMARY", "KEY"]) {
        return Err(no_primary_key(cursor));
    }
    if let Some(word @ ("DEFAULT" | "UNIQUE" | "CHECK" | "REFERENCES" | "GENERATED" | "COLLATE" | "COMMENT" | "AS")) =
        cursor.word().as_deref()
    {
        let refused = cursor.error(cursor.span(), format!("{word} on a column is not built yet"));
        return Err(if word == "CHECK" {
            refused.with_hint("write a rule: CONSTRAINT name EXPECT (condition) ON VIOLATION QUARANTINE")
        } else {
            refused
        });
    }
    Ok(Column { name, data_type, data_type_span, not_null, span: cursor.span_from(start) })
}

fn no_primary_key(cursor: &Cursor<'_>) -> crate::Diagnostic {
    let refused = cursor.error(cursor.span(), "a stream has no PRIMARY KEY: its rows are never replaced");
    refused.with_hint("PARTITION KEY (…) after the columns keeps rows of one key in order")
}

fn known(cursor: &Cursor<'_>, columns: &[Column], wanted: &Name) -> Result<()> {
    if columns.iter().any(|column| column.name == *wanted) {
        return Ok(());
    }
    let refused = cursor.error(wanted.span, format!("there is no column {wanted}"));
    Err(match crate::nearest(&wanted.value, columns.iter().map(|column| column.name.value.as_str())) {
        Some(near) => refused.with_hint(format!("did you mean {near}?")),
        None => refused,
    })
}
