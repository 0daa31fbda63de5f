//! `CREATE CHART`: what is drawn, with every column looked up and of a type that its place in the chart can have.

use std::collections::BTreeSet;

use arrow::datatypes::{DataType, FieldRef, SchemaRef};
use headwater_query::plan::reads_of_node as of_node;
use headwater_query::relation::{PlainView, Relation, Relations, SYSTEM, resolve as relation};
use headwater_query::sqltype::sql_name;
use headwater_sql::ast::{ChartKind, ChartRows, CreateChart, CreateView, Existing, Name, Query, RelationName};
use headwater_sql::sqlparser::keywords::ALL_KEYWORDS;
use headwater_sql::{Diagnostic, Diagnostics, Fault, Parsed, nearest};

use crate::Result;

/// A chart whose columns are known.
#[derive(Debug, Clone)]
pub struct Chart {
    pub create: CreateChart,
    /// What gives its rows: those of all times.
    pub query: String,
    /// Of the query.
    pub columns: SchemaRef,
    /// What it reads of what the node tells of itself, as `system.runs`.
    pub of_node: BTreeSet<String>,
}

impl Chart {
    /// Whether a dashboard's time filters it.
    pub fn is_over_time(&self) -> bool {
        let x = self.create.x.as_ref().and_then(|x| self.columns.field_with_name(&x.value).ok());
        x.is_some_and(|x| is_time(x.data_type()))
    }
}

/// Resolves a chart against what is declared before it.
pub fn resolve(create: &CreateChart, parsed: &Parsed, relations: &Relations) -> Result<Chart> {
    let (query, columns, of_node) = match &create.from {
        ChartRows::Relation(name) => of_relation(name, parsed, relations)?,
        ChartRows::Query(query) => {
            let text = headwater_sql::canonical(&query.text).map_err(Diagnostics::from)?;
            let planned = of_query(create, query, parsed, relations)?;
            (text, planned.schema, of_node(&planned.plan))
        }
    };
    Diagnostics::check(check(create, parsed, &columns))?;
    Ok(Chart { create: create.clone(), query, columns, of_node })
}

fn of_relation(
    name: &RelationName,
    parsed: &Parsed,
    relations: &Relations,
) -> Result<(String, SchemaRef, BTreeSet<String>)> {
    let refuse = |message: String| Diagnostic::new(parsed.source.clone(), name.span(), message);
    if let Some(schema) = &name.schema {
        if schema.value != SYSTEM {
            let refused = refuse(format!("a chart of {name} is not built yet")).with_fault(Fault::NotBuilt);
            let hint = "what is drawn is a relation that was declared, or one under system.";
            return Err(Diagnostics::from(refused.with_hint(hint)).into());
        }
        let Some(columns) = relations.system().get(&name.name.value) else {
            let refused = refuse(format!("there is no relation {name}")).with_fault(Fault::NoRelation);
            let near = nearest(&name.name.value, relations.system().keys().map(String::as_str));
            return Err(Diagnostics::from(match near {
                Some(near) => refused.with_hint(format!("did you mean {SYSTEM}.{near}?")),
                None => refused,
            })
            .into());
        };
        let text = format!("{SYSTEM}.{}", name.name.value);
        return Ok((format!("SELECT * FROM {text}"), SchemaRef::clone(columns), BTreeSet::from([text])));
    }
    match relations.get(&name.name.value) {
        Some(relation) => {
            let of_node = match &relation {
                Relation::PlainView(view) => of_node(&view.plan),
                _ => BTreeSet::new(),
            };
            Ok((format!("SELECT * FROM {}", quoted(&name.name)), SchemaRef::clone(relation.schema()), of_node))
        }
        None => {
            let refused = refuse(format!("{name} has no rows to draw")).with_fault(Fault::NoRelation);
            Err(Diagnostics::from(refused.with_hint("name a stream, a table or a view")).into())
        }
    }
}

/// A chart's query is planned as that of a view without rows of its own: the same is refused, with the same words.
fn of_query(create: &CreateChart, query: &Query, parsed: &Parsed, relations: &Relations) -> Result<PlainView> {
    let view = CreateView {
        name: create.name.clone(),
        existing: Existing::Refuse,
        columns: Vec::new(),
        query: query.query.clone(),
        query_span: query.span,
        query_text: query.text.clone(),
    };
    Ok(relation::plain_view(relations, &view, &parsed.source)?)
}

/// What a place in a chart can have.
#[derive(Clone, Copy)]
enum Takes {
    Number,
    Time,
    /// What is in an order that a line can follow.
    TimeOrNumber,
    /// What can be written below a bar.
    Name,
    /// What names a series.
    Series,
}

impl Takes {
    fn has(self, data_type: &DataType) -> bool {
        let is_text = data_type.is_string() || *data_type == DataType::Boolean;
        match self {
            Takes::Number => data_type.is_numeric(),
            Takes::Time => is_time(data_type),
            Takes::TimeOrNumber => is_time(data_type) || data_type.is_numeric(),
            Takes::Name => is_text || is_time(data_type) || data_type.is_numeric(),
            Takes::Series => is_text || data_type.is_integer() || is_time(data_type),
        }
    }

    fn words(self) -> &'static str {
        match self {
            Takes::Number => "a number",
            Takes::Time => "a DATE or TIMESTAMP",
            Takes::TimeOrNumber => "a time or a number",
            Takes::Name => "a time, a number or a text",
            Takes::Series => "a text, a whole number or a time",
        }
    }
}

fn is_time(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Timestamp(..) | DataType::Date32 | DataType::Date64)
}

/// All that is wrong with the columns that a chart names.
fn check(create: &CreateChart, parsed: &Parsed, columns: &SchemaRef) -> Vec<Diagnostic> {
    let x = match create.kind {
        ChartKind::Line | ChartKind::Area | ChartKind::Scatter => Takes::TimeOrNumber,
        ChartKind::Bar => Takes::Name,
        ChartKind::Stat | ChartKind::Table => Takes::Time,
    };
    let places = [
        ("X", create.x.as_slice(), x),
        ("Y", create.y.as_slice(), Takes::Number),
        ("SERIES", create.series.as_slice(), Takes::Series),
        ("VALUE", create.value.as_slice(), Takes::Number),
        ("COMPARE", create.compare.as_slice(), Takes::Number),
    ];
    let kind = create.kind;
    let mut wrong = Vec::new();
    for (place, named, takes) in places {
        for name in named {
            match column(name, parsed, columns) {
                Ok(found) if takes.has(found.data_type()) => {}
                Ok(found) => {
                    let found = sql_name(found.data_type());
                    let message = format!("{place} of a chart AS {kind} must be {}; {name} is {found}", takes.words());
                    let refused = Diagnostic::new(parsed.source.clone(), name.span, message);
                    wrong.push(refused.with_fault(Fault::Types));
                }
                Err(refused) => wrong.push(refused),
            }
        }
    }
    wrong.extend(create.columns.iter().filter_map(|name| column(name, parsed, columns).err()));
    wrong
}

fn column<'a>(name: &Name, parsed: &Parsed, columns: &'a SchemaRef) -> std::result::Result<&'a FieldRef, Diagnostic> {
    let names = || columns.fields().iter().map(|field| field.name().as_str());
    columns.fields().iter().find(|field| *field.name() == name.value).ok_or_else(|| {
        let refused = Diagnostic::new(parsed.source.clone(), name.span, format!("there is no column {name}"));
        refused.with_fault(Fault::NoColumn).with_hint(match nearest(&name.value, names()) {
            Some(near) => format!("did you mean {near}?"),
            None => format!("what is drawn has {}", names().collect::<Vec<_>>().join(", ")),
        })
    })
}

/// A name as a query writes it.
fn quoted(name: &Name) -> String {
    let value = &name.value;
    let plain = value.starts_with(|c: char| c.is_ascii_lowercase() || c == '_')
        && value.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
        && !ALL_KEYWORDS.contains(&value.to_ascii_uppercase().as_str());
    if plain { value.clone() } else { format!("\"{}\"", value.replace('"', "\"\"")) }
}
