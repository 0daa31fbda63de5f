//! Which column a field's name means: the one of exactly that name, else the only one that differs in case alone.

use std::collections::HashMap;

/// A field's column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Target {
    Exact(u32),
    /// The names differ in case.
    Folded(u32),
    Unknown,
}

pub(crate) struct Names {
    exact: HashMap<String, u32>,
    /// Names in lower case; `None` where two columns share one.
    folded: HashMap<String, Option<u32>>,
}

impl Names {
    pub fn new<'a>(columns: impl Iterator<Item = &'a str>) -> Names {
        let mut names = Names { exact: HashMap::new(), folded: HashMap::new() };
        for (column, name) in columns.enumerate() {
            let column = column as u32;
            names.exact.insert(name.to_string(), column);
            names.folded.entry(name.to_lowercase()).and_modify(|unique| *unique = None).or_insert(Some(column));
        }
        names
    }

    pub fn find(&self, name: &str) -> Target {
        if let Some(column) = self.exact.get(name) {
            return Target::Exact(*column);
        }
        match self.folded.get(&name.to_lowercase()) {
            Some(Some(column)) => Target::Folded(*column),
            _ => Target::Unknown,
        }
    }
}
