//! Tables: those of the lake, and files elsewhere that are read as one.

use std::fmt;

use super::{Column, Existing, Name, Query, Rule};
use crate::{Options, Span};

/// `CREATE TABLE name (columns, key, rules) PARTITIONED BY (…) WITH (…) AS query`
#[derive(Debug, Clone)]
pub struct CreateTable {
    pub name: Name,
    pub existing: Existing,
    /// Names are distinct. Empty exactly if there is a query.
    pub columns: Vec<Column>,
    /// Empty: the table has no key. Each is one of `columns`, if there are any.
    pub primary_key: Vec<Name>,
    pub rules: Vec<Rule>,
    /// How the lake lays out files. Each is one of `columns`, if there are any.
    pub partitioned_by: Vec<Name>,
    pub options: Options,
    /// What the table is filled with, once; its columns are the table's.
    pub query: Option<Query>,
}

/// `CREATE EXTERNAL TABLE name (columns) STORED AS format LOCATION 'place' OPTIONS (…)`
#[derive(Debug, Clone)]
pub struct CreateExternalTable {
    pub name: Name,
    pub existing: Existing,
    /// Empty: to be discovered.
    pub columns: Vec<Column>,
    pub format: FileFormat,
    pub format_span: Span,
    pub location: String,
    pub location_span: Span,
    pub options: Options,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FileFormat {
    Csv,
    Json,
    Parquet,
    Delta,
}

impl fmt::Display for FileFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            FileFormat::Csv => "CSV",
            FileFormat::Json => "JSON",
            FileFormat::Parquet => "PARQUET",
            FileFormat::Delta => "DELTA",
        })
    }
}
