//! Tables: rows of the lake, and rows in files elsewhere.

use std::sync::Arc;

use arrow::datatypes::{DataType, Schema, SchemaRef};
use headwater_sql::ast::{CreateExternalTable, CreateMaterializedView, CreateTable, FileFormat, Name};
use headwater_sql::settings::Replace;
use headwater_sql::{Diagnostic, Diagnostics, Fault, SourceText};

use super::resolve::{columns, indices};
use super::{Relations, store};
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
    pub origin: Origin,
}

impl Table {
    /// Whether runs of a view write its rows, and no statement.
    pub fn is_refreshed(&self) -> bool {
        self.origin == Origin::Refreshed
    }
}

/// Who writes a table's rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// Statements, or others.
    Declared,
    /// Runs of the materialized view of its name, which is refreshed by a schedule.
    Refreshed,
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
    let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
    let partitioned_by = layout(&create.partitioned_by, &schema, source)?;
    let name = create.name.value.clone();
    let place = Place::Lake(store(&name, generation));
    Ok(Table { place, name, schema, key, partitioned_by, origin: Origin::Declared })
}

/// Resolves a view that is refreshed by a schedule: a table of the lake with the columns of its query.
pub fn refreshed(
    relations: &Relations,
    create: &CreateMaterializedView,
    generation: u64,
    source: &SourceText,
) -> Result<Table> {
    let fields = super::resolve::columns_of_query(relations, create, source)?;
    let schema = Arc::new(Schema::new(fields));
    let partitioned_by = layout(&create.partitioned_by, &schema, source)?;
    let settings = create.refresh_settings()?;
    if settings.replace == Replace::Partitions {
        let first = partitioned_by.first().map(|at| schema.field(*at));
        let is_time =
            first.is_some_and(|field| matches!(field.data_type(), DataType::Date32 | DataType::Timestamp(..)));
        if !is_time {
            let message = "a run can't tell the partitions of a time";
            let refused = Diagnostic::new(source.clone(), create.options.span, message);
            return Err(refused.with_hint("PARTITIONED BY begins with a column of type DATE or TIMESTAMP").into());
        }
    }
    let name = create.name.value.clone();
    let place = Place::Lake(store(&name, generation));
    Ok(Table { place, name, schema, key: Vec::new(), partitioned_by, origin: Origin::Refreshed })
}

/// Columns that files are laid out by.
fn layout(names: &[Name], schema: &SchemaRef, source: &SourceText) -> Result<Vec<usize>> {
    let refuse = |span, message: &str| Diagnostic::new(source.clone(), span, message);
    let columns = indices(names, schema, source)?;
    for (at, column) in columns.iter().zip(names) {
        let found = schema.field(*at).data_type();
        if matches!(found, DataType::Float32 | DataType::Float64 | DataType::Binary) {
            let message = format!("files can't be laid out by {column}, which is of type {}", sql_name(found));
            return Err(refuse(column.span, &message).into());
        }
        if columns.len() == schema.fields().len() {
            return Err(refuse(column.span, "a table has at least one column that is not in PARTITIONED BY").into());
        }
    }
    Ok(columns)
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
        origin: Origin::Declared,
    })
}
