//! What the text of a statement must not hold, found before planning, where each word still has its place.

use std::ops::ControlFlow;

use datafusion::execution::SessionState;
use datafusion::logical_expr::Volatility;
use headwater_sql::Diagnostic;
use headwater_sql::Fault;
use sqlparser::ast::{Expr, Function, Query, Select, Spanned, Visit, Visitor};
use sqlparser::tokenizer::Span;

use super::Place;

/// Clauses that DataFusion's planner reads past without a word.
pub fn ignored_clauses(query: &Query, place: &Place<'_>) -> Vec<Diagnostic> {
    let mut clauses = Clauses { found: Vec::new() };
    let _ = query.visit(&mut clauses);
    let refuse = |(what, span)| diagnostic(place, span, format!("{what} is not supported")).with_fault(Fault::NotBuilt);
    clauses.found.into_iter().map(refuse).collect()
}

/// Functions whose value is another one when the same rows are read again. `what` is the thing that must not have
/// them: "a view", "a rule".
pub fn unrepeatable_functions(
    state: &SessionState,
    text: &impl Visit,
    what: &str,
    place: &Place<'_>,
) -> Vec<Diagnostic> {
    let mut functions = Functions { state, found: Vec::new() };
    let _ = text.visit(&mut functions);
    let refused = functions.found.into_iter().map(|(name, volatility, span)| {
        let refused = diagnostic(place, span, format!("{name} cannot be used in {what}"));
        match volatility {
            Volatility::Stable => refused
                .with_detail("its value is the time of asking; the same rows must always give the same result")
                .with_hint("use a time column of the rows"),
            _ => {
                refused.with_detail("it gives another value each time; the same rows must always give the same result")
            }
        }
    });
    refused.collect()
}

/// Subqueries inside of an expression.
pub fn subqueries(text: &impl Visit, what: &str, place: &Place<'_>) -> Vec<Diagnostic> {
    let mut found = Subqueries { found: Vec::new() };
    let _ = text.visit(&mut found);
    found.found.into_iter().map(|span| diagnostic(place, span, format!("{what} cannot hold a subquery"))).collect()
}

fn diagnostic(place: &Place<'_>, span: Span, message: String) -> Diagnostic {
    let span = place.source.engine_span(span).unwrap_or(place.span);
    Diagnostic::new(place.source.clone(), span, message)
}

struct Clauses {
    found: Vec<(&'static str, Span)>,
}

impl Visitor for Clauses {
    type Break = ();

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        let place = query.span();
        let mut note = |present: bool, what| {
            if present {
                self.found.push((what, place));
            }
        };
        note(!query.locks.is_empty(), "FOR UPDATE");
        note(query.for_clause.is_some(), "FOR XML, FOR JSON or FOR BROWSE");
        note(query.settings.is_some(), "SETTINGS");
        note(query.format_clause.is_some(), "FORMAT");
        ControlFlow::Continue(())
    }

    fn pre_visit_select(&mut self, select: &Select) -> ControlFlow<()> {
        let place = select.span();
        let mut note = |present: bool, what| {
            if present {
                self.found.push((what, place));
            }
        };
        note(select.into.is_some(), "SELECT … INTO");
        note(select.prewhere.is_some(), "PREWHERE");
        note(!select.connect_by.is_empty(), "CONNECT BY");
        note(!select.distribute_by.is_empty(), "DISTRIBUTE BY");
        note(select.value_table_mode.is_some(), "SELECT AS VALUE or AS STRUCT");
        note(select.select_modifiers.is_some(), "a modifier after SELECT");
        ControlFlow::Continue(())
    }
}

struct Functions<'a> {
    state: &'a SessionState,
    found: Vec<(String, Volatility, Span)>,
}

impl Visitor for Functions<'_> {
    type Break = ();

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
        if let Expr::Function(function) = expr
            && let Some((name, volatility)) = self.volatility(function)
            && volatility != Volatility::Immutable
        {
            self.found.push((name, volatility, function.name.span()));
        }
        ControlFlow::Continue(())
    }
}

impl Functions<'_> {
    fn volatility(&self, function: &Function) -> Option<(String, Volatility)> {
        let name = function.name.0.last()?.as_ident()?.value.to_ascii_lowercase();
        let scalar = self.state.scalar_functions().get(&name).map(|scalar| scalar.signature().volatility);
        let found = scalar.or_else(|| {
            let aggregate = self.state.aggregate_functions().get(&name);
            aggregate.map(|aggregate| aggregate.signature().volatility)
        })?;
        Some((name, found))
    }
}

struct Subqueries {
    found: Vec<Span>,
}

impl Visitor for Subqueries {
    type Break = ();

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        self.found.push(query.span());
        ControlFlow::Continue(())
    }
}
