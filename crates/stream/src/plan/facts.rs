//! What is known of the columns that flow through a plan: which are event times and edges of windows.

use datafusion::common::DFSchema;
use datafusion::logical_expr::Expr;
use headwater_query::window::{Edge, Tumble};

/// What a column is, where that matters to time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fact {
    None,
    /// The column that the stream's watermark is computed from.
    EventTime {
        delay_us: i64,
    },
    /// An edge of the tumbling window of the event time; the end lies `end_after_us` behind it.
    WindowEdge {
        end_after_us: i64,
    },
}

/// What a column is whose rows come from several: what all are.
pub fn of_all<'a>(mut facts: impl Iterator<Item = &'a Fact>) -> Fact {
    let first = facts.next().cloned().unwrap_or(Fact::None);
    facts.fold(first, |all, fact| match (all, fact) {
        (Fact::EventTime { delay_us: one }, Fact::EventTime { delay_us: other }) => {
            Fact::EventTime { delay_us: one.max(*other) }
        }
        (all, fact) if all == *fact => all,
        _ => Fact::None,
    })
}

/// What an expression over columns with known facts is.
pub fn of(expr: &Expr, over: &DFSchema, facts: &[Fact]) -> Fact {
    match expr.clone().unalias_nested().data {
        Expr::Column(column) => over.index_of_column(&column).map_or(Fact::None, |index| facts[index].clone()),
        other => match Tumble::find(&other) {
            Some(tumble) if matches!(of(&tumble.time, over, facts), Fact::EventTime { .. }) => {
                let end_after_us = if tumble.edge == Edge::Start { tumble.size_us } else { 0 };
                Fact::WindowEdge { end_after_us }
            }
            _ => Fact::None,
        },
    }
}
