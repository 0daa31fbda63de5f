//! The table functions of models, brought to subqueries over the relation before planning.

use std::ops::ControlFlow;
use std::sync::Arc;

use headwater_sql::Fault;
use headwater_sql::ast::Name;
use sqlparser::ast::{
    Expr, FunctionArg, FunctionArgExpr, Ident, ObjectName, Query, Spanned, Statement, TableAlias, TableFactor, Value,
    VisitMut, VisitorMut,
};
use sqlparser::dialect::GenericDialect;
use sqlparser::parser::Parser;
use sqlparser::tokenizer::Span;

use super::functions::{EXPLAIN, FIELD, ITEMS_MAX, PREDICT, RECOMMEND, name};
use super::{MODEL_VERSION, Model, Task};
use crate::plan::refusal::Refusal;
use crate::plan::scope::Tables;
use crate::plan::written;

/// Items that are recommended where no number is said.
const ITEMS: u64 = 10;

/// Rewrites every call in a query, subqueries too.
pub fn rewrite(query: &mut Query, tables: &dyn Tables) -> Result<(), Refusal> {
    match query.visit(&mut Rewriter { tables }) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(refusal) => Err(refusal),
    }
}

struct Rewriter<'a> {
    tables: &'a dyn Tables,
}

impl VisitorMut for Rewriter<'_> {
    type Break = Refusal;

    fn pre_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<Refusal> {
        match self.called(factor) {
            Ok(Some(subquery)) => *factor = subquery,
            Ok(None) => {}
            Err(refusal) => return ControlFlow::Break(refusal),
        }
        ControlFlow::Continue(())
    }
}

/// A call as it is written.
struct Call<'a> {
    function: &'static str,
    arguments: Vec<&'a Expr>,
    alias: Option<TableAlias>,
    place: Span,
}

impl<'a> Call<'a> {
    fn of(factor: &'a TableFactor) -> Result<Option<Call<'a>>, Refusal> {
        let place = factor.span();
        let (called, args, alias) = match factor {
            TableFactor::Table { name, args: Some(args), alias, .. } => (name, &args.args, alias),
            TableFactor::Function { name, args, alias, .. } => (name, args, alias),
            _ => return Ok(None),
        };
        let word = match &called.0[..] {
            [one] => one.as_ident().map(|ident| ident.value.to_ascii_lowercase()),
            _ => None,
        };
        let function = [PREDICT, EXPLAIN, RECOMMEND].into_iter().find(|function| Some(*function) == word.as_deref());
        let Some(function) = function else { return Ok(None) };
        let arguments = args.iter().map(|arg| match arg {
            FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => Ok(expr),
            _ => Err(usage(function).at(place)),
        });
        Ok(Some(Call { function, arguments: arguments.collect::<Result<_, _>>()?, alias: alias.clone(), place }))
    }
}

fn usage(function: &str) -> Refusal {
    let more = if function == RECOMMEND { " and, where it is not 10, the number of items" } else { "" };
    let function = function.to_uppercase();
    Refusal::new(format!("{function} takes a relation, a model{more}"))
        .hint(format!("write {function}(relation, model)"))
}

impl Rewriter<'_> {
    fn called(&self, factor: &TableFactor) -> Result<Option<TableFactor>, Refusal> {
        let Some(Call { function, arguments, alias, place }) = Call::of(factor)? else { return Ok(None) };
        let (relation, model, number) = match arguments[..] {
            [relation, model] => (relation, model, None),
            [relation, model, number] if function == RECOMMEND => (relation, model, Some(number)),
            _ => return Err(usage(function).at(place)),
        };
        let asked = asked(relation).ok_or_else(|| usage(function).at(relation.span()))?;
        let model = self.model(model, function)?;
        let quoted = |name: &str| format!("\"{}\"", name.replace('"', "\"\""));
        let part = |field: &str| quoted(&name(FIELD, field));
        let inputs: Vec<String> = model.inputs.iter().map(|input| quoted(input.name())).collect();
        let call = |last: &str| format!("{}({}{last})", quoted(&name(function, &model.name)), inputs.join(", "));
        let text = if function == RECOMMEND {
            let number = number.map_or(Ok(ITEMS), items)?;
            format!(
                "SELECT * EXCLUDE (_recommended), {}(_recommended) AS item, {}(_recommended) AS score FROM (SELECT *, \
                 unnest({}) AS _recommended FROM {ROWS}) AS recommended",
                part("item"),
                part("score"),
                call(&format!(", {number}"))
            )
        } else {
            let explained = (function == EXPLAIN).then_some("explanation");
            let said = model.task.columns();
            let said = said.iter().map(|field| field.name().as_str()).chain(explained).chain([MODEL_VERSION]);
            let said: Vec<String> = said.map(|field| format!("{}(_said) AS {field}", part(field))).collect();
            let inner = format!("SELECT *, {} AS _said FROM {ROWS}", call(""));
            format!("SELECT * EXCLUDE (_said), {} FROM ({inner}) AS asked", said.join(", "))
        };
        let subquery =
            of_rows(&text, asked).ok_or_else(|| Refusal::new("these rows can't be given to a model").at(place))?;
        let alias = alias.unwrap_or_else(|| TableAlias {
            explicit: true,
            name: Ident::with_span(place, function),
            columns: Vec::new(),
            at: None,
        });
        Ok(Some(TableFactor::Derived {
            lateral: false,
            subquery: Box::new(subquery),
            alias: Some(alias),
            sample: None,
        }))
    }

    fn model(&self, written: &Expr, function: &str) -> Result<Arc<Model>, Refusal> {
        let Expr::Identifier(ident) = written else { return Err(usage(function).at(written.span())) };
        let wanted = Name::fold(&ident.value, ident.quote_style.is_some());
        let refuse = |message: String| Refusal::new(message).at(written.span());
        let Some(model) = self.tables.model(&wanted) else {
            let names = self.tables.models();
            let refused = refuse(format!("there is no model {wanted}")).fault(Fault::NoObject);
            return Err(match headwater_sql::nearest(&wanted, names.iter().map(String::as_str)) {
                Some(near) => refused.hint(format!("did you mean {near}?")),
                None => refused.hint("declare it with CREATE MODEL"),
            });
        };
        match (function == RECOMMEND, model.task == Task::Recommendation) {
            (true, false) => Err(refuse(format!("{wanted} recommends nothing")).hint("ask it by ML_PREDICT")),
            (false, true) => Err(refuse(format!("{wanted} recommends items")).hint("ask it by RECOMMEND")),
            _ => Ok(model),
        }
    }
}

fn items(written: &Expr) -> Result<u64, Refusal> {
    let number = match written {
        Expr::Value(value) => match &value.value {
            Value::Number(number, _) => number.parse().ok(),
            _ => None,
        },
        _ => None,
    };
    number
        .filter(|number| (1..=ITEMS_MAX).contains(number))
        .ok_or_else(|| Refusal::new(format!("the number of items is 1 to {ITEMS_MAX}")).at(written.span()))
}

/// What stands for the relation in a query that is written here.
const ROWS: &str = "_rows_of_a_model";

/// The relation that a call names.
fn asked(relation: &Expr) -> Option<TableFactor> {
    Some(match relation {
        Expr::Identifier(ident) => written::table(ObjectName::from(vec![ident.clone()]), None, None),
        Expr::CompoundIdentifier(idents) => written::table(ObjectName::from(idents.clone()), None, None),
        Expr::Subquery(query) => TableFactor::Derived {
            lateral: false,
            subquery: query.clone(),
            alias: Some(TableAlias {
                explicit: true,
                name: Ident::with_span(query.span(), "rows"),
                columns: Vec::new(),
                at: None,
            }),
            sample: None,
        },
        _ => return None,
    })
}

/// A query with a relation in its place: as it was written, so that an error in it finds its own.
fn of_rows(text: &str, rows: TableFactor) -> Option<Query> {
    let mut statements = Parser::parse_sql(&GenericDialect {}, text).ok()?;
    let Statement::Query(mut query) = statements.pop()? else { return None };
    let _ = query.visit(&mut Place(Some(rows)));
    Some(*query)
}

struct Place(Option<TableFactor>);

impl VisitorMut for Place {
    type Break = ();

    fn pre_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<()> {
        if matches!(factor, TableFactor::Table { name, .. } if name.to_string() == ROWS)
            && let Some(rows) = self.0.take()
        {
            *factor = rows;
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    }
}
