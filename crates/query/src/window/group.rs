//! `GROUP BY TUMBLE(time, size)`, the short form, rewritten before planning into `FROM TUMBLE(rel, time, size)` grouped
//! by `window_start` and `window_end`; the same for the other window functions. What else stands in the GROUP BY of a
//! session parts its rows.
//!
//! In such a SELECT, `TUMBLE_START(time, size)` and `TUMBLE_END(time, size)` stand for the two columns.

use std::ops::ControlFlow;

use sqlparser::ast::{
    Expr, Function, FunctionArg, FunctionArgExpr, FunctionArgumentList, FunctionArguments, GroupByExpr, Ident,
    ObjectName, Query, Select, SetExpr, Spanned, TableAlias, TableFactor, TableFunctionArgs, VisitMut, VisitorMut,
};
use sqlparser::dialect::GenericDialect;
use sqlparser::parser::Parser;
use sqlparser::tokenizer::Span;

use super::relation::{Kind, is_word};
use super::{WINDOW_END, WINDOW_START};
use crate::plan::refusal::Refusal;
use crate::plan::written;

/// Rewrites every SELECT of a query, subqueries too.
pub fn rewrite(query: &mut Query) -> Result<(), Refusal> {
    match query.visit(&mut Rewriter) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(refusal) => Err(refusal),
    }
}

struct Rewriter;

impl VisitorMut for Rewriter {
    type Break = Refusal;

    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<Refusal> {
        match rewrite_select(select) {
            Ok(()) => ControlFlow::Continue(()),
            Err(refusal) => ControlFlow::Break(refusal),
        }
    }
}

fn rewrite_select(select: &mut Select) -> Result<(), Refusal> {
    let GroupByExpr::Expressions(groups, _) = &mut select.group_by else { return Ok(()) };
    let kind_of = |group: &Expr| Kind::ALL.into_iter().find(|kind| call_of(group, kind.word()).is_some());
    let Some((at, kind)) = groups.iter().enumerate().find_map(|(at, group)| Some((at, kind_of(group)?))) else {
        return Ok(());
    };
    let call = groups.remove(at);
    if let Some(second) = groups.iter().find(|group| kind_of(group).is_some()) {
        return Err(Refusal::new("a SELECT groups by one window").at(second.span()));
    }
    let place = call.span();
    let given = call_of(&call, kind.word()).and_then(arguments).filter(|given| given.len() == 1 + kind.lengths().len());
    let Some(window) = given else {
        let (name, lengths) = (kind.word().to_uppercase(), kind.lengths().join(" and a "));
        return Err(Refusal::new(format!("in GROUP BY, {name} takes a time column and a {lengths}")).at(place));
    };
    let keys = if kind == Kind::Session { groups.clone() } else { Vec::new() };
    if let Some(number) = keys.iter().find(|key| matches!(key, Expr::Value(_))) {
        return Err(Refusal::new("beside SESSION, GROUP BY names its columns").at(number.span()));
    }
    for (offset, name) in [WINDOW_START, WINDOW_END].into_iter().enumerate() {
        groups.insert(at + offset, Expr::Identifier(Ident::with_span(place, name)));
    }
    window_the_relation(select, kind, &window, &keys, place)?;
    name_the_edges(select, kind, &window)
}

fn call_of<'a>(expr: &'a Expr, word: &str) -> Option<&'a Function> {
    match expr {
        Expr::Function(function) if is_word(&function.name, word) => Some(function),
        _ => None,
    }
}

fn arguments(function: &Function) -> Option<Vec<Expr>> {
    let FunctionArguments::List(FunctionArgumentList { args, .. }) = &function.args else { return None };
    let plain = |arg: &FunctionArg| match arg {
        FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => Some(expr.clone()),
        _ => None,
    };
    args.iter().map(plain).collect()
}

/// Turns the one relation of the FROM clause into the window function over it, under the name that it had.
fn window_the_relation(
    select: &mut Select,
    kind: Kind,
    window: &[Expr],
    keys: &[Expr],
    place: Span,
) -> Result<(), Refusal> {
    let joined = || {
        let (name, lengths) = (kind.word().to_uppercase(), kind.lengths().join(", "));
        let hint = "put the window there: FROM";
        Refusal::new(format!("GROUP BY {name}(time, {lengths}) needs exactly one relation in FROM"))
            .at(place)
            .hint(format!("{hint} {name}(relation, time, {lengths}) AS r JOIN …, GROUP BY window_start, window_end"))
    };
    let [from] = select.from.as_mut_slice() else { return Err(joined()) };
    if !from.joins.is_empty() {
        return Err(joined());
    }
    let (relation, alias) = match &from.relation {
        TableFactor::Table { name, alias, args: None, .. } => (identifier(name).ok_or_else(joined)?, alias.clone()),
        TableFactor::Derived { lateral: false, subquery, alias, sample: None } => {
            (Expr::Subquery(subquery.clone()), alias.clone())
        }
        _ => return Err(joined()),
    };
    if alias.as_ref().is_some_and(|alias| !alias.columns.is_empty()) {
        return Err(joined());
    }
    let relation = match select.selection.take() {
        // Sessions are of the rows that are grouped; of other windows it doesn't matter when a row is sorted out.
        Some(condition) if kind == Kind::Session => Expr::Subquery(of_rows(from.relation.clone(), condition, joined)?),
        condition => {
            select.selection = condition;
            relation
        }
    };
    let inner = |expr: &Expr| unqualified(expr, alias.as_ref());
    let named = std::iter::once(relation).chain(window.iter().map(inner)).chain(keys.iter().map(inner));
    from.relation = window_factor(kind, named.collect(), alias.clone(), place);
    Ok(())
}

/// The rows of a relation for which a condition holds.
fn of_rows(relation: TableFactor, condition: Expr, refused: impl Fn() -> Refusal) -> Result<Box<Query>, Refusal> {
    let parsed = Parser::new(&GenericDialect {}).try_with_sql("SELECT * FROM rows WHERE true");
    let mut query = parsed.and_then(|mut parser| parser.parse_query()).map_err(|_| refused())?;
    if let SetExpr::Select(select) = query.body.as_mut() {
        select.selection = Some(condition);
        select.from.iter_mut().for_each(|from| from.relation = relation.clone());
    }
    Ok(query)
}

/// The alias stands outside of the function, so its arguments are named without it.
fn unqualified(argument: &Expr, alias: Option<&TableAlias>) -> Expr {
    match (argument, alias) {
        (Expr::CompoundIdentifier(parts), Some(alias)) if parts.len() == 2 && parts[0].value == alias.name.value => {
            Expr::Identifier(parts[1].clone())
        }
        _ => argument.clone(),
    }
}

fn identifier(name: &ObjectName) -> Option<Expr> {
    let parts: Option<Vec<Ident>> = name.0.iter().map(|part| part.as_ident().cloned()).collect();
    Some(Expr::CompoundIdentifier(parts?))
}

fn window_factor(kind: Kind, args: Vec<Expr>, alias: Option<TableAlias>, place: Span) -> TableFactor {
    let args = args.into_iter().map(|arg| FunctionArg::Unnamed(FunctionArgExpr::Expr(arg))).collect();
    let name = ObjectName::from(vec![Ident::with_span(place, kind.word())]);
    written::table(name, Some(TableFunctionArgs { args, settings: None }), alias)
}

/// Replaces the calls that name an edge of the window by its column. A call with other arguments is another window.
fn name_the_edges(select: &mut Select, kind: Kind, window: &[Expr]) -> Result<(), Refusal> {
    struct Edges<'a>(Kind, &'a [Expr]);
    impl VisitorMut for Edges<'_> {
        type Break = Refusal;

        fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<Refusal> {
            for (edge, column) in [("start", WINDOW_START), ("end", WINDOW_END)] {
                let word = format!("{}_{edge}", self.0.word());
                let Some(call) = call_of(expr, &word) else { continue };
                if arguments(call).is_none_or(|given| given != self.1) {
                    let refusal = Refusal::new(format!("{word} must name the window that the SELECT groups by"));
                    return ControlFlow::Break(refusal.at(call.name.span()));
                }
                *expr = Expr::Identifier(Ident::with_span(expr.span(), column));
                break;
            }
            ControlFlow::Continue(())
        }
    }
    let mut edges = Edges(kind, window);
    for part in [select.projection.visit(&mut edges), select.having.visit(&mut edges), select.qualify.visit(&mut edges)]
    {
        if let ControlFlow::Break(refusal) = part {
            return Err(refusal);
        }
    }
    Ok(())
}
