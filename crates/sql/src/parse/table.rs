//! `CREATE TABLE` and `CREATE EXTERNAL TABLE`.

use sqlparser::tokenizer::Token;

use super::{Cursor, columns, create, lists, names, query, rules};
use crate::ast::{Column, CreateExternalTable, CreateTable, FileFormat, Name, Rule};
use crate::settings::{ExternalTableSettings, TableSettings};
use crate::{Diagnostics, Result, Span};

pub(super) fn create(cursor: &mut Cursor<'_>) -> Result<CreateTable, Diagnostics> {
    let create::Opening { start, existing } = create::open(cursor, &["TABLE"])?;
    let name = names::object(cursor, "the table")?;
    let empty = lists::no_options(cursor, start);
    let body_start = cursor.position();
    let body = if cursor.next() == &Token::LParen { Some(body(cursor)?) } else { None };
    let body_span = cursor.span_from(body_start);
    let (mut partitioned_by, mut options, mut query) = (None, None, None);
    while !cursor.at_end() {
        let clause_start = cursor.position();
        if cursor.take(&["PARTITIONED", "BY"]) {
            let names = lists::names(cursor)?;
            lists::once(cursor, clause_start, "PARTITIONED BY", &mut partitioned_by, names)?;
        } else if cursor.take(&["WITH"]) {
            let list = lists::options(cursor)?;
            lists::once(cursor, clause_start, "WITH", &mut options, list)?;
        } else if cursor.take(&["AS"]) {
            query = Some(query::query(cursor)?);
            cursor.expect_end()?;
        } else if cursor.at(&["PARTITION", "KEY"]) {
            let refused = cursor.error(cursor.span(), "a table has no PARTITION KEY");
            return Err(refused.with_hint("PARTITIONED BY (…) says how its files are laid out").into());
        } else {
            return Err(cursor.expected("PARTITIONED BY, WITH, AS or the end of the statement").into());
        }
    }
    let Body { columns, primary_key, rules } = match (body, &query) {
        (Some(body), None) if body.columns.is_empty() => {
            let refused = cursor.error(body_span, "a table has at least one column");
            return Err(refused.with_hint("or fill it from a query: CREATE TABLE name AS SELECT …").into());
        }
        (Some(body), Some(_)) if !body.columns.is_empty() => {
            let refused = cursor.not_built(body.columns[0].span, "columns beside AS are");
            return Err(refused.with_hint("name and cast the columns in the query: SELECT a::BIGINT AS b").into());
        }
        (Some(body), _) => body,
        (None, Some(_)) => Body::default(),
        (None, None) => {
            return Err(cursor.expected("(").with_hint("the columns stand in parentheses, or AS and a query").into());
        }
    };
    let partitioned_by = partitioned_by.unwrap_or_default();
    if query.is_none() {
        for wanted in primary_key.iter().chain(&partitioned_by) {
            columns::known(cursor, &columns, wanted)?;
        }
    }
    let options = options.unwrap_or(empty);
    TableSettings::read(&options)?;
    Ok(CreateTable { name, existing, columns, primary_key, rules, partitioned_by, options, query })
}

#[derive(Default)]
struct Body {
    columns: Vec<Column>,
    primary_key: Vec<Name>,
    rules: Vec<Rule>,
}

fn body(cursor: &mut Cursor<'_>) -> Result<Body> {
    let mut body = Body::default();
    let mut key_span: Option<Span> = None;
    cursor.expect_token(&Token::LParen)?;
    loop {
        let start = cursor.position();
        if cursor.at(&["WATERMARK", "FOR"]) {
            let refused = cursor.error(cursor.span(), "a table has no WATERMARK: it has no order of arrival");
            return Err(refused.with_hint("CREATE STREAM makes what has event time"));
        } else if cursor.at(&["CONSTRAINT"]) {
            let rule = rules::rule(cursor, &body.rules)?;
            body.rules.push(rule);
        } else if cursor.take(&["PRIMARY", "KEY"]) {
            body.primary_key = lists::names(cursor)?;
            one_key(cursor, &mut key_span, cursor.span_from(start))?;
        } else {
            let mut column = columns::column(cursor, &body.columns)?;
            let key_start = cursor.position();
            if cursor.take(&["PRIMARY", "KEY"]) {
                one_key(cursor, &mut key_span, cursor.span_from(key_start))?;
                body.primary_key = vec![column.name.clone()];
                column.not_null |= cursor.take(&["NOT", "NULL"]);
            }
            columns::end(cursor)?;
            body.columns.push(column);
        }
        if !cursor.take_token(&Token::Comma) {
            break;
        }
    }
    if !cursor.take_token(&Token::RParen) {
        return Err(cursor.expected("a comma or )"));
    }
    Ok(body)
}

fn one_key(cursor: &Cursor<'_>, first: &mut Option<Span>, span: Span) -> Result<()> {
    let Some(first) = first.replace(span) else { return Ok(()) };
    let refused = cursor.error(span, "a table has one PRIMARY KEY");
    let refused = refused.with_related(cursor.source().clone(), first, "it stands first here");
    Err(refused.with_hint("a key of several columns is written PRIMARY KEY (a, b)"))
}

pub(super) fn create_external(cursor: &mut Cursor<'_>) -> Result<CreateExternalTable, Diagnostics> {
    let create::Opening { start, existing } = create::open(cursor, &["EXTERNAL", "TABLE"])?;
    let name = names::object(cursor, "the table")?;
    let empty = lists::no_options(cursor, start);
    let columns = if cursor.next() == &Token::LParen { external_columns(cursor)? } else { Vec::new() };
    let (mut format, mut location, mut options) = (None, None, None);
    while !cursor.at_end() {
        let clause_start = cursor.position();
        if cursor.take(&["STORED", "AS"]) {
            let found = file_format(cursor)?;
            lists::once(cursor, clause_start, "STORED AS", &mut format, found)?;
        } else if cursor.take(&["LOCATION"]) {
            let found = lists::text(cursor, "a path or an address")?;
            lists::once(cursor, clause_start, "LOCATION", &mut location, found)?;
        } else if cursor.at(&["WITH"]) || cursor.at(&["OPTIONS"]) {
            cursor.advance();
            let found = lists::options(cursor)?;
            lists::once(cursor, clause_start, "the list of options", &mut options, found)?;
        } else if cursor.at(&["PARTITIONED", "BY"]) {
            let refused = cursor.not_built(cursor.span(), "PARTITIONED BY on an external table is");
            return Err(refused.with_hint("folders named column=value are found without it").into());
        } else {
            return Err(cursor.expected("STORED AS, LOCATION, WITH or the end of the statement").into());
        }
    }
    let Some((format, format_span)) = format else {
        return Err(cursor.expected("STORED AS").with_hint("say what the files are: STORED AS PARQUET").into());
    };
    let Some((location, location_span)) = location else {
        return Err(cursor.expected("LOCATION").with_hint("say where the files are: LOCATION 'data/trips/'").into());
    };
    let options = options.unwrap_or(empty);
    ExternalTableSettings::read(&options, format, &location)?;
    Ok(CreateExternalTable { name, existing, columns, format, format_span, location, location_span, options })
}

fn external_columns(cursor: &mut Cursor<'_>) -> Result<Vec<Column>> {
    cursor.expect_token(&Token::LParen)?;
    let mut found = Vec::new();
    loop {
        if cursor.at(&["CONSTRAINT"]) || cursor.at(&["PRIMARY", "KEY"]) {
            let word = cursor.word().unwrap_or_default();
            let refused = cursor.error(cursor.span(), format!("an external table has no {word}"));
            return Err(refused.with_hint("its files are written by others, who keep no rule of ours"));
        }
        let column = columns::column(cursor, &found)?;
        if cursor.at(&["PRIMARY", "KEY"]) {
            return Err(cursor.error(cursor.span(), "an external table has no PRIMARY KEY"));
        }
        columns::end(cursor)?;
        found.push(column);
        if !cursor.take_token(&Token::Comma) {
            break;
        }
    }
    if !cursor.take_token(&Token::RParen) {
        return Err(cursor.expected("a comma or )"));
    }
    Ok(found)
}

fn file_format(cursor: &mut Cursor<'_>) -> Result<(FileFormat, Span)> {
    const FORMATS: [FileFormat; 4] = [FileFormat::Csv, FileFormat::Json, FileFormat::Parquet, FileFormat::Delta];
    let span = cursor.span();
    for format in FORMATS {
        if cursor.take(&[&format.to_string()]) {
            return Ok((format, span));
        }
    }
    Err(match cursor.word().as_deref() {
        Some(word @ ("AVRO" | "ARROW" | "ORC" | "ICEBERG" | "TEXT" | "TEXTFILE")) => {
            cursor.not_built(span, &format!("STORED AS {word} is")).with_hint("what works: CSV, JSON, PARQUET, DELTA")
        }
        _ => cursor.expected("CSV, JSON, PARQUET or DELTA"),
    })
}
