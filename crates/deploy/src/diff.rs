//! Wanted minus stored: the steps that bring a data folder to what its project declares.

use headwater_catalog::{Change as Stored, Definition, Kind};

use crate::{Error, Result};

/// How a definition differs from the stored one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    Added,
    Changed,
    Removed,
}

/// One step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    pub change: Change,
    pub kind: Kind,
    pub name: String,
}

impl Step {
    /// As people read it.
    pub fn explain(&self) -> String {
        let verb = match self.change {
            Change::Added => "create",
            Change::Changed => "change",
            Change::Removed => "remove",
        };
        format!("{verb} {} {}", self.kind, self.name)
    }
}

/// The steps of a list of changes. Those that would need history to be replayed or stored rows to be rewritten are
/// refused: neither is built yet.
pub fn steps(changes: &[Stored], has_history: bool) -> Result<Vec<Step>> {
    let mut steps = Vec::new();
    for change in changes {
        let (change, definition): (Change, &Definition) = match change {
            Stored::Added(definition) => (Change::Added, definition),
            Stored::Changed { after, .. } => (Change::Changed, after),
            Stored::Removed(definition) => (Change::Removed, definition),
            Stored::Unchanged(_) => continue,
        };
        let step = Step { change, kind: definition.kind, name: definition.name.clone() };
        let touches_rows = step.kind != Kind::Source && (change != Change::Added || step.kind == Kind::View);
        if has_history && touches_rows {
            return Err(Error::Refused {
                message: format!("cannot {}: this data folder has rows, and that is not built yet", step.explain()),
                hint: "put the definition back as it was, or start with a new data folder (--data-dir)".to_owned(),
            });
        }
        steps.push(step);
    }
    Ok(steps)
}
