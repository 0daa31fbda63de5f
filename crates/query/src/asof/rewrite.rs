//! The spellings of such joins, brought to LEFT JOIN and JOIN with a mark in their condition.

use std::ops::ControlFlow;
use std::sync::Arc;

use datafusion::common::TableReference;
use headwater_sql::Fault;
use headwater_sql::ast::Name;
use sqlparser::ast::{
    BinaryOperator, ExcludeSelectItem, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArgumentList,
    FunctionArguments, Ident, Join, JoinConstraint, JoinOperator, ObjectName, Query, Select, SelectItem,
    SelectItemQualifiedWildcardKind, Spanned, TableAlias, TableFactor, TableVersion, Value, VisitMut, VisitorMut,
};
use sqlparser::tokenizer::Span;

use super::MATCHES;
use crate::plan::refusal::Refusal;
use crate::plan::scope::Tables;
use crate::relation::features::KNOWN_AT;
use crate::relation::{FeatureView, HISTORY};

/// Rewrites every SELECT of a query, subqueries too.
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

    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<Refusal> {
        let mut hidden = Vec::new();
        for join in select.from.iter_mut().flat_map(|from| &mut from.joins) {
            match self.join(join) {
                Ok(history) => hidden.extend(history),
                Err(refusal) => return ControlFlow::Break(refusal),
            }
        }
        for history in &hidden {
            select.projection.iter_mut().for_each(|item| history.hide(item));
        }
        ControlFlow::Continue(())
    }
}

impl Rewriter<'_> {
    /// Returns what stands for a feature view and has a column that the view has not.
    fn join(&self, join: &mut Join) -> Result<Option<History>, Refusal> {
        let time = as_of(&mut join.relation);
        let is_asof = time.is_some() || matches!(join.join_operator, JoinOperator::AsOf { .. });
        let history = if is_asof { self.history(&mut join.relation) } else { None };
        let mark = |left, right, strict| mark(left, right, strict, history.as_ref());
        let operator = match (&mut join.join_operator, time) {
            (JoinOperator::AsOf { match_condition, constraint }, None) => {
                let (left, right, strict) = times(match_condition)?;
                JoinOperator::LeftOuter(with_mark(constraint, mark(left, right, strict), join.relation.span())?)
            }
            (_, None) => return Ok(None),
            (JoinOperator::Join(constraint) | JoinOperator::Inner(constraint), Some(time)) => {
                let mark = mark(time, self.version(&join.relation, history.as_ref())?, false);
                JoinOperator::Inner(with_mark(constraint, mark, join.relation.span())?)
            }
            (JoinOperator::Left(constraint) | JoinOperator::LeftOuter(constraint), Some(time)) => {
                let mark = mark(time, self.version(&join.relation, history.as_ref())?, false);
                JoinOperator::LeftOuter(with_mark(constraint, mark, join.relation.span())?)
            }
            (_, Some(time)) => {
                return Err(Refusal::new("FOR SYSTEM_TIME AS OF stands behind JOIN and LEFT JOIN").at(time.span()));
            }
        };
        join.join_operator = operator;
        Ok(history.filter(|history| history.view.known_at.is_none()))
    }

    /// Puts the history of a feature view in its place.
    fn history(&self, relation: &mut TableFactor) -> Option<History> {
        let TableFactor::Table { name, alias, .. } = relation else { return None };
        let view = self.tables.feature_view(&TableReference::parse_str(&name.to_string()))?;
        let own = name.0.last()?.as_ident()?.clone();
        let table = alias.get_or_insert_with(|| TableAlias {
            explicit: true,
            name: own.clone(),
            columns: Vec::new(),
            at: None,
        });
        let history = History { view, table: table.name.clone() };
        *name = ObjectName::from(vec![Ident::with_span(own.span, HISTORY), own]);
        Some(history)
    }

    /// The event time of a relation, which says from when on each of its rows is valid.
    fn version(&self, relation: &TableFactor, history: Option<&History>) -> Result<Expr, Refusal> {
        let place = relation.span();
        if let Some(history) = history {
            return Ok(history.column(history.view.schema.field(history.view.timestamp).name()));
        }
        let TableFactor::Table { name, alias, .. } = relation else {
            return Err(Refusal::new("FOR SYSTEM_TIME AS OF follows a relation's name").at(place));
        };
        let column = self.tables.event_time(&TableReference::parse_str(&name.to_string())).ok_or_else(|| {
            Refusal::new(format!("{name} has no event time, so it has no versions"))
                .fault(Fault::NotBuilt)
                .at(place)
                .hint("declare WATERMARK FOR a column, or write ASOF JOIN … MATCH_CONDITION (left.time >= right.time)")
        })?;
        let own = name.0.last().and_then(|part| part.as_ident().cloned());
        let table = alias.as_ref().map(|alias| alias.name.clone()).or(own);
        Ok(Expr::CompoundIdentifier(table.into_iter().chain([Ident::with_span(place, column)]).collect()))
    }
}

/// The history of a feature view that is read as of a time.
struct History {
    view: Arc<FeatureView>,
    /// What its columns are qualified by.
    table: Ident,
}

impl History {
    fn column(&self, name: &str) -> Expr {
        Expr::CompoundIdentifier(vec![self.table.clone(), Ident::with_quote('"', name)])
    }

    /// All columns are those of the view.
    fn hide(&self, item: &mut SelectItem) {
        let options = match item {
            SelectItem::Wildcard(options) => options,
            SelectItem::QualifiedWildcard(SelectItemQualifiedWildcardKind::ObjectName(name), options) => {
                let fold = |ident: &Ident| Name::fold(&ident.value, ident.quote_style.is_some());
                let is_own = matches!(&name.0[..], [one] if one.as_ident().map(fold) == Some(fold(&self.table)));
                if !is_own {
                    return;
                }
                options
            }
            _ => return,
        };
        let known = ObjectName::from(vec![Ident::with_quote('"', KNOWN_AT)]);
        let excluded = match options.opt_exclude.take() {
            None => ExcludeSelectItem::Single(known),
            Some(ExcludeSelectItem::Single(one)) => ExcludeSelectItem::Multiple(vec![one, known]),
            Some(ExcludeSelectItem::Multiple(mut several)) => {
                several.push(known);
                ExcludeSelectItem::Multiple(several)
            }
        };
        options.opt_exclude = Some(excluded);
    }
}

/// Takes the time off a relation that is read as of one.
fn as_of(relation: &mut TableFactor) -> Option<Expr> {
    match relation {
        TableFactor::Table { version: version @ Some(TableVersion::ForSystemTimeAsOf(_)), .. } => {
            match version.take() {
                Some(TableVersion::ForSystemTimeAsOf(time)) => Some(time),
                _ => None,
            }
        }
        _ => None,
    }
}

/// The left and the right time of a MATCH_CONDITION, and whether the right one must lie before the left.
fn times(condition: &Expr) -> Result<(Expr, Expr, bool), Refusal> {
    match condition {
        Expr::Nested(inner) => times(inner),
        Expr::BinaryOp { left, op, right } => match op {
            BinaryOperator::GtEq => Ok(((**left).clone(), (**right).clone(), false)),
            BinaryOperator::Gt => Ok(((**left).clone(), (**right).clone(), true)),
            _ => Err(Refusal::new("MATCH_CONDITION compares by >= or >: a row meets the last one before it")
                .fault(Fault::NotBuilt)
                .at(condition.span())
                .hint("write MATCH_CONDITION (left.time >= right.time)")),
        },
        other => Err(Refusal::new("MATCH_CONDITION compares two times").at(other.span())),
    }
}

fn mark(left: Expr, right: Expr, strict: bool, history: Option<&History>) -> Expr {
    let value = |value: Value| Expr::Value(value.with_span(Span::empty()));
    let mut args = vec![left, right, value(Value::Boolean(strict))];
    if let Some(history) = history {
        args.push(history.column(history.view.known_at_name()));
        args.extend(history.view.ttl_us.map(|ttl_us| value(Value::Number(ttl_us.to_string(), false))));
    }
    let args = args.into_iter().map(|each| FunctionArg::Unnamed(FunctionArgExpr::Expr(each)));
    Expr::Function(Function {
        name: ObjectName::from(vec![Ident::new(MATCHES)]),
        uses_odbc_syntax: false,
        parameters: FunctionArguments::None,
        args: FunctionArguments::List(FunctionArgumentList {
            duplicate_treatment: None,
            args: args.collect(),
            clauses: Vec::new(),
        }),
        filter: None,
        null_treatment: None,
        over: None,
        within_group: Vec::new(),
    })
}

fn with_mark(constraint: &JoinConstraint, mark: Expr, place: Span) -> Result<JoinConstraint, Refusal> {
    match constraint {
        JoinConstraint::None => Ok(JoinConstraint::On(mark)),
        JoinConstraint::On(condition) => Ok(JoinConstraint::On(Expr::BinaryOp {
            left: Box::new(Expr::Nested(Box::new(condition.clone()))),
            op: BinaryOperator::And,
            right: Box::new(mark),
        })),
        JoinConstraint::Using(_) | JoinConstraint::Natural => {
            Err(Refusal::new("a join as of a time says its keys by ON").at(place).hint("write ON l.key = r.key"))
        }
    }
}
