//! What is known of the columns that flow through a plan: which are event times and edges of windows.

use datafusion::common::DFSchema;
use datafusion::logical_expr::Expr;
use headwater_query::window::Call;

/// What a column is, where that matters to time. `behind_us` says how far its values may lie behind the watermark: a row
/// with the value t comes, or is taken back, only while t and that is after the watermark. Rows of a stream itself may
/// come later than that; they are sorted out where a window needs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fact {
    None,
    /// The column that the stream's watermark is computed from.
    EventTime {
        delay_us: i64,
        behind_us: i64,
    },
    /// An edge of a window of the event time, or a list of them; the end lies `end_after_us` behind it. Edges of one
    /// window have one number.
    WindowEdge {
        end_after_us: i64,
        behind_us: i64,
        window: u32,
    },
    /// When rows were known. None comes late: what happens to come late was known late.
    Known {
        behind_us: i64,
    },
}

impl Fact {
    /// How far behind the value the watermark is when a window with this edge has closed; `None` for what is none.
    pub fn closes_after_us(&self) -> Option<i64> {
        match self {
            Fact::WindowEdge { end_after_us, behind_us, .. } => Some(end_after_us.saturating_add(*behind_us)),
            _ => None,
        }
    }

    /// The number of the window that it is an edge of.
    pub fn window(&self) -> Option<u32> {
        match self {
            Fact::WindowEdge { window, .. } => Some(*window),
            _ => None,
        }
    }

    /// The same where late rows are taken for longer.
    pub fn later(self, lateness_us: i64) -> Fact {
        match self {
            Fact::WindowEdge { end_after_us, behind_us, window } => {
                Fact::WindowEdge { end_after_us, behind_us: behind_us.saturating_add(lateness_us), window }
            }
            other => other,
        }
    }

    /// How far values lie behind the watermark, of what is a time.
    pub fn lag_us(&self) -> Option<i64> {
        match self {
            Fact::EventTime { behind_us, .. } | Fact::Known { behind_us } => Some(*behind_us),
            other => other.closes_after_us(),
        }
    }
}

/// What a column is whose rows come from several: what all are.
pub fn of_all<'a>(mut facts: impl Iterator<Item = &'a Fact>) -> Fact {
    let first = facts.next().cloned().unwrap_or(Fact::None);
    facts.fold(first, |all, fact| match (all, fact) {
        (Fact::EventTime { delay_us: one, behind_us }, Fact::EventTime { delay_us: other, behind_us: further }) => {
            Fact::EventTime { delay_us: one.max(*other), behind_us: behind_us.max(*further) }
        }
        (
            Fact::WindowEdge { end_after_us, behind_us, window },
            Fact::WindowEdge { end_after_us: end, behind_us: further, window: other },
        ) if end_after_us == *end && window == *other => {
            Fact::WindowEdge { end_after_us, behind_us: behind_us.max(*further), window }
        }
        (Fact::Known { behind_us }, Fact::Known { behind_us: further }) => {
            Fact::Known { behind_us: behind_us.max(*further) }
        }
        (all, fact) if all == *fact => all,
        _ => Fact::None,
    })
}

/// What stays known where late rows are sorted out by one edge of a window: its other edge.
pub fn of_window(facts: Vec<Fact>, edge: usize) -> Vec<Fact> {
    let chosen = facts[edge].window();
    facts.into_iter().map(|fact| if fact.window() == chosen { fact } else { Fact::None }).collect()
}

/// What an expression over columns with known facts is.
pub fn of(expr: &Expr, over: &DFSchema, facts: &[Fact]) -> Fact {
    let bare = expr.clone().unalias_nested().data;
    if let Expr::Column(column) = &bare {
        return over.index_of_column(column).map_or(Fact::None, |index| facts[index].clone());
    }
    match Call::find(&bare) {
        Some(Call::Edge { time, end_after_us, size_us }) => match of(&time, over, facts).lag_us() {
            Some(behind_us) => {
                let window = crc32c::crc32c(format!("{time} by {size_us}").as_bytes());
                Fact::WindowEdge { end_after_us, behind_us, window }
            }
            None => Fact::None,
        },
        Some(Call::End { start, size_us }) => match of(&start, over, facts) {
            Fact::WindowEdge { end_after_us, behind_us, window } => {
                Fact::WindowEdge { end_after_us: end_after_us - size_us, behind_us, window }
            }
            _ => Fact::None,
        },
        None => Fact::None,
    }
}
