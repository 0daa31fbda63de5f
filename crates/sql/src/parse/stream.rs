//! `CREATE STREAM`.

use sqlparser::tokenizer::Token;

use super::{Cursor, columns, create, lists, names, rules};
use crate::ast::{Column, CreateStream, Rule, Watermark};
use crate::settings::StreamSettings;
use crate::{Diagnostics, Result};

pub(super) fn create(cursor: &mut Cursor<'_>) -> Result<CreateStream, Diagnostics> {
    let create::Opening { start, existing } = create::open(cursor, &["STREAM"])?;
    let name = names::object(cursor, "the stream")?;
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
        columns::known(cursor, &columns, wanted)?;
    }
    let options = options.unwrap_or(empty);
    StreamSettings::read(&options)?;
    Ok(CreateStream { name, existing, columns, watermark, rules, partition_key, options })
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
            let column = columns::column(cursor, &body.columns)?;
            if cursor.at(&["PRIMARY", "KEY"]) {
                return Err(no_primary_key(cursor));
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
    let expression_text = cursor.text_from(expression_start).to_owned();
    Ok(Watermark { column, expression, expression_text, expression_span, span: cursor.span_from(start) })
}

fn no_primary_key(cursor: &Cursor<'_>) -> crate::Diagnostic {
    let refused = cursor.error(cursor.span(), "a stream has no PRIMARY KEY: its rows are never replaced");
    refused.with_hint("PARTITION KEY (…) after the columns keeps rows of one key in order")
}
