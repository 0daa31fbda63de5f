//! `GROUP BY TUMBLE(time, size)`, the short form, rewritten before planning into `FROM TUMBLE(rel, time, size)` grouped
//! by `window_start` and `window_end`.
//!
//! In such a SELECT, `TUMBLE_START(time, size)` and `TUMBLE_END(time, size)` stand for the two columns.

use std::ops::ControlFlow;

use headwater_sql::Fault;
use sqlparser::ast::{
    Expr, Function, FunctionArg, FunctionArgExpr, FunctionArgumentList, FunctionArguments, GroupByExpr, Ident,
    ObjectName, Query, Select, Spanned, TableAlias, TableFactor, TableFunctionArgs, VisitMut, VisitorMut,
};

use super::relation::{NOT_YET, is_word};
use super::{TUMBLE_END, TUMBLE_START, WINDOW_END, WINDOW_START};
use crate::plan::refusal::Refusal;

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
    for word in NOT_YET {
        if let Some(call) = groups.iter().find_map(|group| call_of(group, word)) {
            let name = word.to_ascii_uppercase();
            return Err(Refusal::new(format!("{name} windows are not built yet"))
                .fault(Fault::NotBuilt)
                .at(call.name.span())
                .hint("use TUMBLE"));
        }
    }
    let Some(at) = groups.iter().position(|group| call_of(group, "tumble").is_some()) else { return Ok(()) };
    let call = groups.remove(at);
    if let Some(second) = groups.iter().find_map(|group| call_of(group, "tumble")) {
        return Err(Refusal::new("a SELECT groups by one window").at(second.name.span()));
    }
    let place = call.span();
    let arguments = call_of(&call, "tumble").and_then(arguments);
    let Some([time, size]) = arguments.as_deref() else {
        return Err(Refusal::new("in GROUP BY, TUMBLE takes a time column and a size").at(place));
    };
    for (offset, name) in [WINDOW_START, WINDOW_END].into_iter().enumerate() {
        groups.insert(at + offset, Expr::Identifier(Ident::with_span(place, name)));
    }
    let window = [time.clone(), size.clone()];
    window_the_relation(select, &window, place)?;
    name_the_edges(select, &window)
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

/// Turns the one relation of the FROM clause into TUMBLE over it, under the name that it had.
fn window_the_relation(
    select: &mut Select,
    [time, size]: &[Expr; 2],
    place: sqlparser::tokenizer::Span,
) -> Result<(), Refusal> {
    let joined = || {
        Refusal::new("GROUP BY TUMBLE(time, size) needs exactly one relation in FROM").at(place).hint(
            "put the window there: FROM TUMBLE(relation, time, size) AS r JOIN …, GROUP BY window_start, window_end",
        )
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
    from.relation = tumble_factor([relation, unqualified(time, alias.as_ref()), size.clone()], alias, place);
    Ok(())
}

/// The alias stands outside of TUMBLE, so its argument is named without it.
fn unqualified(time: &Expr, alias: Option<&TableAlias>) -> Expr {
    match (time, alias) {
        (Expr::CompoundIdentifier(parts), Some(alias)) if parts.len() == 2 && parts[0].value == alias.name.value => {
            Expr::Identifier(parts[1].clone())
        }
        _ => time.clone(),
    }
}

fn identifier(name: &ObjectName) -> Option<Expr> {
    let parts: Option<Vec<Ident>> = name.0.iter().map(|part| part.as_ident().cloned()).collect();
    Some(Expr::CompoundIdentifier(parts?))
}

fn tumble_factor(args: [Expr; 3], alias: Option<TableAlias>, place: sqlparser::tokenizer::Span) -> TableFactor {
    let args = args.into_iter().map(|arg| FunctionArg::Unnamed(FunctionArgExpr::Expr(arg))).collect();
    TableFactor::Table {
        name: ObjectName::from(vec![Ident::with_span(place, "tumble")]),
        alias,
        args: Some(TableFunctionArgs { args, settings: None }),
        with_hints: Vec::new(),
        version: None,
        with_ordinality: false,
        partitions: Vec::new(),
        json_path: None,
        sample: None,
        index_hints: Vec::new(),
    }
}

/// Replaces the calls that name an edge of the window by its column. A call with other arguments is another window.
fn name_the_edges(select: &mut Select, window: &[Expr; 2]) -> Result<(), Refusal> {
    struct Edges<'a>(&'a [Expr; 2]);
    impl VisitorMut for Edges<'_> {
        type Break = Refusal;

        fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<Refusal> {
            for (word, column) in [(TUMBLE_START, WINDOW_START), (TUMBLE_END, WINDOW_END)] {
                let Some(call) = call_of(expr, word) else { continue };
                if arguments(call).is_none_or(|given| given != self.0) {
                    let refusal = Refusal::new(format!("{word} must name the window that the SELECT groups by"));
                    return ControlFlow::Break(refusal.at(call.name.span()));
                }
                *expr = Expr::Identifier(Ident::with_span(expr.span(), column));
                break;
            }
            ControlFlow::Continue(())
        }
    }
    let mut edges = Edges(window);
    for part in [select.projection.visit(&mut edges), select.having.visit(&mut edges), select.qualify.visit(&mut edges)]
    {
        if let ControlFlow::Break(refusal) = part {
            return Err(refusal);
        }
    }
    Ok(())
}
