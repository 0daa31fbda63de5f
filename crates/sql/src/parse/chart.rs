//! `CREATE CHART`. Its options name columns, so they are read here and not as `WITH` lists are.

use sqlparser::tokenizer::Token;

use super::{Cursor, create, lists, names, query};
use crate::ast::{ChartKind, ChartRows, CreateChart, Name};
use crate::{Diagnostic, Diagnostics, Fault, Result, Span};

/// More columns than anybody tells apart.
const Y_MAX: usize = 6;

const EXAMPLE: &str = "write it like CREATE CHART revenue AS LINE (X at, Y amount) FROM orders";

pub(super) fn create(cursor: &mut Cursor<'_>) -> Result<CreateChart, Diagnostics> {
    let create::Opening { existing, .. } = create::open(cursor, &["CHART"])?;
    let name = names::object(cursor, "the chart")?;
    cursor.expect(&["AS"]).map_err(|refused| refused.with_hint(EXAMPLE))?;
    let kind_span = cursor.span();
    let kind = kind(cursor)?;
    let given = Given::read(cursor)?;
    cursor
        .expect(&["FROM"])
        .map_err(|refused| refused.with_hint("say what is drawn: FROM relation, or FROM (SELECT …)"))?;
    let from = rows(cursor)?;
    let mut wrong = given.unfit(cursor, kind);
    wrong.extend(given.lacks(cursor, kind, kind_span));
    Diagnostics::check(wrong)?;
    let Given { x, y, series, value, compare, columns, title, unit, stacked } = given;
    Ok(CreateChart {
        name,
        existing,
        kind,
        x: x.and_then(first),
        y: y.map(|each| each.value).unwrap_or_default(),
        series: series.and_then(first),
        value: value.and_then(first),
        compare: compare.and_then(first),
        columns: columns.map(|each| each.value).unwrap_or_default(),
        title: title.map(|each| each.value),
        unit: unit.map(|each| each.value),
        is_stacked: stacked.is_some_and(|each| each.value),
        from,
    })
}

fn first(columns: Written<Vec<Name>>) -> Option<Name> {
    columns.value.into_iter().next()
}

fn kind(cursor: &mut Cursor<'_>) -> Result<ChartKind> {
    let found = ChartKind::ALL.into_iter().find(|kind| cursor.take(&[kind.word()]));
    found.ok_or_else(|| {
        let words = ChartKind::ALL.map(ChartKind::word);
        let refused = cursor.expected(&words.join(", "));
        match cursor.word().and_then(|word| crate::nearest(&word, words)) {
            Some(near) => refused.with_hint(format!("did you mean {near}?")),
            None => refused.with_hint(EXAMPLE),
        }
    })
}

fn rows(cursor: &mut Cursor<'_>) -> Result<ChartRows, Diagnostics> {
    if cursor.next() != &Token::LParen {
        if cursor.at(&["SELECT"]) || cursor.at(&["WITH"]) || cursor.at(&["VALUES"]) {
            let refused = cursor.expected("a relation, or a query in parentheses");
            return Err(refused.with_hint("put the query in parentheses: FROM (SELECT …)").into());
        }
        return Ok(ChartRows::Relation(lists::relation_name(cursor)?));
    }
    cursor.expect_token(&Token::LParen)?;
    let query = query::query(cursor)?;
    if !cursor.take_token(&Token::RParen) {
        return Err(cursor.expected("the end of the query, and )").into());
    }
    Ok(ChartRows::Query(Box::new(query)))
}

/// What an option was given, and the place of its name.
struct Written<T> {
    value: T,
    span: Span,
}

/// The options as they stand.
#[derive(Default)]
struct Given {
    x: Option<Written<Vec<Name>>>,
    y: Option<Written<Vec<Name>>>,
    series: Option<Written<Vec<Name>>>,
    value: Option<Written<Vec<Name>>>,
    compare: Option<Written<Vec<Name>>>,
    columns: Option<Written<Vec<Name>>>,
    title: Option<Written<String>>,
    unit: Option<Written<String>>,
    stacked: Option<Written<bool>>,
}

const OPTIONS: [&str; 9] = ["X", "Y", "SERIES", "VALUE", "COMPARE", "COLUMNS", "TITLE", "UNIT", "STACKED"];

impl Given {
    /// A table needs no options, and then no parentheses.
    fn read(cursor: &mut Cursor<'_>) -> Result<Given> {
        let mut given = Given::default();
        if !cursor.take_token(&Token::LParen) {
            return Ok(given);
        }
        while cursor.next() != &Token::RParen {
            given.option(cursor)?;
            if !cursor.take_token(&Token::Comma) {
                break;
            }
        }
        if !cursor.take_token(&Token::RParen) {
            return Err(cursor.expected("a comma or )"));
        }
        Ok(given)
    }

    fn option(&mut self, cursor: &mut Cursor<'_>) -> Result<()> {
        let start = cursor.position();
        let name = cursor.name("the name of an option")?;
        let word = name.value.to_ascii_uppercase();
        if !OPTIONS.contains(&word.as_str()) {
            let refused = cursor.error(name.span, format!("unknown option {name}")).with_fault(Fault::Option);
            return Err(match crate::nearest(&word, OPTIONS) {
                Some(near) => refused.with_hint(format!("did you mean {near}?")),
                None => refused.with_hint(format!("the options of charts are {}", OPTIONS.join(", "))),
            });
        }
        cursor.take_token(&Token::Eq);
        let span = name.span;
        match word.as_str() {
            "TITLE" | "UNIT" => {
                let (value, _) = lists::text(cursor, "a text")?;
                let slot = if word == "TITLE" { &mut self.title } else { &mut self.unit };
                lists::once(cursor, start, &word, slot, Written { value, span })
            }
            "STACKED" => {
                let value = boolean(cursor)?;
                lists::once(cursor, start, &word, &mut self.stacked, Written { value, span })
            }
            "Y" | "COLUMNS" => {
                let value = columns(cursor)?;
                let slot = if word == "Y" { &mut self.y } else { &mut self.columns };
                lists::once(cursor, start, &word, slot, Written { value, span })
            }
            _ => {
                let value = vec![cursor.name("the name of a column").map_err(unquoted)?];
                let slot = match word.as_str() {
                    "X" => &mut self.x,
                    "SERIES" => &mut self.series,
                    "VALUE" => &mut self.value,
                    _ => &mut self.compare,
                };
                lists::once(cursor, start, &word, slot, Written { value, span })
            }
        }
    }

    /// Options that the kind has no use for.
    fn unfit(&self, cursor: &Cursor<'_>, kind: ChartKind) -> Vec<Diagnostic> {
        let place = |name: &'static str, span: Option<Span>, takes: bool| {
            span.filter(|_| !takes).map(|span| {
                let refused = cursor.error(span, format!("a chart AS {kind} has no {name}")).with_fault(Fault::Option);
                refused.with_hint(format!("its options are {}", taken(kind).join(", ")))
            })
        };
        let takes = |name: &str| taken(kind).contains(&name);
        fn span<T>(option: &Option<Written<T>>) -> Option<Span> {
            option.as_ref().map(|each| each.span)
        }
        let all = [
            place("Y", span(&self.y), takes("Y")),
            place("SERIES", span(&self.series), takes("SERIES")),
            place("VALUE", span(&self.value), takes("VALUE")),
            place("COMPARE", span(&self.compare), takes("COMPARE")),
            place("COLUMNS", span(&self.columns), takes("COLUMNS")),
            place("STACKED", span(&self.stacked), takes("STACKED")),
        ];
        all.into_iter().flatten().collect()
    }

    /// What the kind can't do without, and what does not go together.
    fn lacks(&self, cursor: &Cursor<'_>, kind: ChartKind, kind_span: Span) -> Option<Diagnostic> {
        let missing = |name: &str, hint: &str| {
            let message = format!("a chart AS {kind} needs {name}");
            Some(cursor.error(kind_span, message).with_fault(Fault::Option).with_hint(hint.to_owned()))
        };
        if kind.has_axes() && self.x.is_none() {
            return missing("X", "add X column: what goes across");
        }
        if kind.has_axes() && self.y.is_none() {
            return missing("Y", "add Y column: the number that goes up");
        }
        if kind == ChartKind::Stat && self.value.is_none() {
            return missing("VALUE", "add VALUE column: the number that is shown");
        }
        let y = self.y.as_ref().filter(|y| y.value.len() > 1)?;
        let (message, hint) = if self.series.is_some() {
            ("SERIES divides one column of Y, and there are several", "draw one column, or leave SERIES out")
        } else if y.value.len() > Y_MAX {
            ("more columns of Y than can be told apart", "draw at most 6 of them; other charts can have the others")
        } else {
            return None;
        };
        Some(cursor.error(y.span, message).with_fault(Fault::Option).with_hint(hint))
    }
}

fn taken(kind: ChartKind) -> &'static [&'static str] {
    match kind {
        ChartKind::Line | ChartKind::Scatter => &["X", "Y", "SERIES", "TITLE", "UNIT"],
        ChartKind::Bar | ChartKind::Area => &["X", "Y", "SERIES", "TITLE", "UNIT", "STACKED"],
        ChartKind::Stat => &["VALUE", "COMPARE", "X", "TITLE", "UNIT"],
        ChartKind::Table => &["COLUMNS", "X", "TITLE", "UNIT"],
    }
}

/// `a`, or `(a, b)`.
fn columns(cursor: &mut Cursor<'_>) -> Result<Vec<Name>> {
    if cursor.next() == &Token::LParen {
        return lists::names(cursor);
    }
    Ok(vec![cursor.name("the name of a column").map_err(unquoted)?])
}

fn unquoted(refused: Diagnostic) -> Diagnostic {
    refused.with_hint("a column stands without quotes, or in double ones")
}

fn boolean(cursor: &mut Cursor<'_>) -> Result<bool> {
    if cursor.take(&["TRUE"]) {
        return Ok(true);
    }
    if cursor.take(&["FALSE"]) { Ok(false) } else { Err(cursor.expected("TRUE or FALSE")) }
}
