//! Parts of statements that are written here, in the place of what somebody wrote.

use sqlparser::ast::{ObjectName, TableAlias, TableFactor, TableFunctionArgs};

/// A relation by its name, or what a function of tables gives.
pub fn table(name: ObjectName, args: Option<TableFunctionArgs>, alias: Option<TableAlias>) -> TableFactor {
    TableFactor::Table {
        name,
        alias,
        args,
        with_hints: Vec::new(),
        version: None,
        with_ordinality: false,
        partitions: Vec::new(),
        json_path: None,
        sample: None,
        index_hints: Vec::new(),
    }
}
