//! The spellings of such joins, brought to LEFT JOIN and JOIN with a mark in their condition.

use std::ops::ControlFlow;

use datafusion::common::TableReference;
use headwater_sql::Fault;
use sqlparser::ast::{
    BinaryOperator, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArgumentList, FunctionArguments, Ident, Join,
    JoinConstraint, JoinOperator, ObjectName, Query, Select, Spanned, TableFactor, TableVersion, Value, VisitMut,
    VisitorMut,
};
use sqlparser::tokenizer::Span;

use super::MATCHES;
use crate::plan::refusal::Refusal;
use crate::plan::scope::Tables;

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
        for from in &mut select.from {
            for join in &mut from.joins {
                if let Err(refusal) = self.join(join) {
                    return ControlFlow::Break(refusal);
                }
            }
        }
        ControlFlow::Continue(())
    }
}

impl Rewriter<'_> {
    fn join(&self, join: &mut Join) -> Result<(), Refusal> {
        let time = as_of(&mut join.relation);
        let operator = match (&mut join.join_operator, time) {
            (JoinOperator::AsOf { match_condition, constraint }, None) => {
                let (left, right, strict) = times(match_condition)?;
                JoinOperator::LeftOuter(with_mark(constraint, mark(left, right, strict), join.relation.span())?)
            }
            (_, None) => return Ok(()),
            (JoinOperator::Join(constraint) | JoinOperator::Inner(constraint), Some(time)) => {
                let mark = mark(time, self.version(&join.relation)?, false);
                JoinOperator::Inner(with_mark(constraint, mark, join.relation.span())?)
            }
            (JoinOperator::Left(constraint) | JoinOperator::LeftOuter(constraint), Some(time)) => {
                let mark = mark(time, self.version(&join.relation)?, false);
                JoinOperator::LeftOuter(with_mark(constraint, mark, join.relation.span())?)
            }
            (_, Some(time)) => {
                return Err(Refusal::new("FOR SYSTEM_TIME AS OF stands behind JOIN and LEFT JOIN").at(time.span()));
            }
        };
        join.join_operator = operator;
        Ok(())
    }

    /// The event time of a relation, which says from when on each of its rows is valid.
    fn version(&self, relation: &TableFactor) -> Result<Expr, Refusal> {
        let place = relation.span();
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

fn mark(left: Expr, right: Expr, strict: bool) -> Expr {
    let strict = Expr::Value(Value::Boolean(strict).with_span(Span::empty()));
    let args = [left, right, strict].map(|each| FunctionArg::Unnamed(FunctionArgExpr::Expr(each)));
    Expr::Function(Function {
        name: ObjectName::from(vec![Ident::new(MATCHES)]),
        uses_odbc_syntax: false,
        parameters: FunctionArguments::None,
        args: FunctionArguments::List(FunctionArgumentList {
            duplicate_treatment: None,
            args: args.to_vec(),
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
