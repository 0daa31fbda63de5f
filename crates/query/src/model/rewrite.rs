//! The table functions of models, brought to subqueries over the relation before planning.

use std::ops::ControlFlow;
use std::sync::Arc;

use headwater_sql::Fault;
use headwater_sql::ast::Name;
use sqlparser::ast::{
    Expr, FunctionArg, FunctionArgExpr, Ident, Query, SetExpr, Spanned, Statement, TableAlias, TableFactor, Value,
    VisitMut, VisitorMut,
};
use sqlparser::dialect::GenericDialect;
use sqlparser::parser::Parser;
use sqlparser::tokenizer::Span;

use super::functions::{EXPLAIN, FIELD, ITEMS_MAX, PREDICT, RECOMMEND, name};
use super::{MODEL_VERSION, Model, Task};
use crate::plan::refusal::Refusal;
use crate::plan::scope::Tables;

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
        let rows = match relation {
            Expr::Identifier(_) | Expr::CompoundIdentifier(_) => relation.to_string(),
            Expr::Subquery(query) => format!("({query}) AS rows"),
            other => return Err(usage(function).at(other.span())),
        };
        let model = self.model(model, function)?;
        let quoted = |name: &str| format!("\"{}\"", name.replace('"', "\"\""));
        let part = |field: &str| quoted(&name(FIELD, field));
        let inputs: Vec<String> = model.inputs.iter().map(|input| quoted(input.name())).collect();
        let call = |last: &str| format!("{}({}{last})", quoted(&name(function, &model.name)), inputs.join(", "));
        let text = if function == RECOMMEND {
            let number = number.map_or(Ok(ITEMS), items)?;
            format!(
                "SELECT * EXCLUDE (_recommended), {}(_recommended) AS item, {}(_recommended) AS score FROM (SELECT *, \
                 unnest({}) AS _recommended FROM {rows}) AS recommended",
                part("item"),
                part("score"),
                call(&format!(", {number}"))
            )
        } else {
            let explained = (function == EXPLAIN).then_some("explanation");
            let said = model.task.columns();
            let said = said.iter().map(|field| field.name().as_str()).chain(explained).chain([MODEL_VERSION]);
            let said: Vec<String> = said.map(|field| format!("{}(_said) AS {field}", part(field))).collect();
            let asked = format!("SELECT *, {} AS _said FROM {rows}", call(""));
            format!("SELECT * EXCLUDE (_said), {} FROM ({asked}) AS asked", said.join(", "))
        };
        let subquery = parsed(&text).ok_or_else(|| Refusal::new("these rows can't be given to a model").at(place))?;
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

fn parsed(text: &str) -> Option<Query> {
    let mut statements = Parser::parse_sql(&GenericDialect {}, text).ok()?;
    match statements.pop()? {
        Statement::Query(query) if matches!(*query.body, SetExpr::Select(_)) => Some(*query),
        _ => None,
    }
}
