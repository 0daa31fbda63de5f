//! Tables: rows of the lake, and rows in files elsewhere.

use std::sync::Arc;

use arrow::datatypes::{DataType, SchemaRef};
use headwater_sql::ast::{CreateExternalTable, CreateTable, FileFormat};
use headwater_sql::{Diagnostic, Diagnostics, Fault, SourceText};

use super::resolve::{columns, indices};
use super::store;
use crate::Result;
use crate::sqltype::sql_name;

/// Rows that stay until somebody changes them, as of the version that a query finds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    pub name: String,
    pub schema: SchemaRef,
    /// Columns that identify a row; empty: none do.
    pub key: Vec<usize>,
    /// Columns by which the lake lays out files.
    pub partitioned_by: Vec<usize>,
    pub place: Place,
}

/// Where a table's rows are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// The name of a table of the lake.
    Lake(String),
    Files(Files),
}

/// Files that others write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Files {
    pub format: FileFormat,
    /// A file, a folder or a pattern; relative ones begin in the project's folder. Or a URL.
    pub location: String,
    /// Of CSV: whether the first line of a file names the columns.
    pub header: bool,
    /// Of CSV: between fields.
    pub delimiter: u8,
    /// Of a location in a bucket.
    pub server: Server,
}

/// Who answers for a bucket; what is not said follows from the environment of the node.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Server {
    pub region: Option<String>,
    pub endpoint: Option<String>,
    /// Asked without credentials, as for public data.
    pub unsigned: bool,
}

impl Files {
    pub fn of(create: &CreateExternalTable) -> Result<Files> {
        let settings = create.settings()?;
        Ok(Files {
            format: create.format,
            location: create.location.clone(),
            header: settings.header,
            delimiter: settings.delimiter,
            server: Server { region: settings.region, endpoint: settings.endpoint, unsigned: settings.unsigned },
        })
    }
}

/// Resolves a table of the lake.
pub fn lake(create: &CreateTable, generation: u64, source: &SourceText) -> Result<Table> {
    let refuse = |span, message: &str| Diagnostic::new(source.clone(), span, message);
    if let Some(rule) = create.rules.first() {
        return Err(refuse(rule.span, "rules on tables are not built yet").with_fault(Fault::NotBuilt).into());
    }
    if let Some(query) = &create.query {
        let refused = Diagnostic::new(source.clone(), query.span, "CREATE TABLE AS belongs to a client's statement");
        let hint = "in a project's files declare a materialized view, or the table with its columns";
        return Err(refused.with_hint(hint).into());
    }
    create.settings()?;
    let schema = columns(&create.columns, source)?;
    let key = indices(&create.primary_key, &schema, source)?;
    // A key always has a value.
    let fields = schema.fields().iter().enumerate().map(|(at, field)| {
        let nullable = field.is_nullable() && !key.contains(&at);
        field.as_ref().clone().with_nullable(nullable)
    });
    let schema = Arc::new(arrow::datatypes::Schema::new(fields.collect::<Vec<_>>()));
    let partitioned_by = indices(&create.partitioned_by, &schema, source)?;
    for (at, column) in partitioned_by.iter().zip(&create.partitioned_by) {
        let found = schema.field(*at).data_type();
        if matches!(found, DataType::Float32 | DataType::Float64 | DataType::Binary) {
            let message = format!("files can't be laid out by {column}, which is of type {}", sql_name(found));
            return Err(refuse(column.span, &message).into());
        }
        if partitioned_by.len() == schema.fields().len() {
            return Err(refuse(column.span, "a table has at least one column that is not in PARTITIONED BY").into());
        }
    }
    let name = create.name.value.clone();
    Ok(Table { place: Place::Lake(store(&name, generation)), name, schema, key, partitioned_by })
}

/// Resolves a table in files elsewhere, whose columns are known by now.
pub fn external(create: &CreateExternalTable, source: &SourceText) -> Result<Table> {
    if create.columns.is_empty() {
        let message = format!("the columns of {} are not known", create.name);
        return Err(Diagnostics::from(Diagnostic::new(source.clone(), create.location_span, message)).into());
    }
    Ok(Table {
        name: create.name.value.clone(),
        schema: columns(&create.columns, source)?,
        key: Vec::new(),
        partitioned_by: Vec::new(),
        place: Place::Files(Files::of(create)?),
    })
}
