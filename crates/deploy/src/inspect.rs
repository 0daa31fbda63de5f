//! The one step that looks outside before anything is planned: what columns the files of external tables have.

use std::path::Path;

use arrow::datatypes::Schema;
use headwater_query::provide::files;
use headwater_query::relation::Files;
use headwater_query::sqltype::{sql_name, stored_type};
use headwater_sql::ast::{Column, CreateExternalTable, Name};
use headwater_sql::{Diagnostic, Diagnostics, Parsed, SourceText, Span, Statement};

use crate::{Error, Result};

/// The same statements; external tables that name no columns have those of their files.
pub async fn inspect(statements: Vec<Parsed>, root: &Path) -> Result<Vec<Parsed>> {
    let (mut known, mut wrong) = (Vec::with_capacity(statements.len()), Vec::new());
    for mut parsed in statements {
        if let Statement::CreateExternalTable(create) = &mut parsed.statement
            && create.columns.is_empty()
        {
            match discovered(create, root).await {
                Ok(columns) => {
                    create.columns = columns;
                    parsed.text = create.to_sql();
                }
                Err(error) => {
                    wrong.push(Diagnostic::new(parsed.source.clone(), create.location_span, error.to_string()));
                }
            }
        }
        known.push(parsed);
    }
    Diagnostics::check(wrong)?;
    Ok(known)
}

async fn discovered(create: &CreateExternalTable, root: &Path) -> Result<Vec<Column>> {
    let settings = create.settings()?;
    let files = Files {
        format: create.format,
        location: create.location.clone(),
        header: settings.header,
        delimiter: settings.delimiter,
    };
    let found = files::discover(&files, root).await?;
    columns(&found, create.location_span)
}

/// A schema as the columns of a statement, at some place of its text.
///
/// # Errors
/// What no column of a table can be.
pub fn columns(schema: &Schema, span: Span) -> Result<Vec<Column>> {
    let mut columns = Vec::with_capacity(schema.fields().len());
    for field in schema.fields() {
        let name = field.name();
        let Some(stored) = stored_type(field.data_type()) else {
            let found = sql_name(field.data_type());
            return Err(Error::Refused {
                message: format!("column {name} is of type {found}, which a table cannot have yet"),
                hint: "CAST it to another type".to_owned(),
            });
        };
        columns.push(Column {
            name: Name { value: name.clone(), span },
            data_type: data_type(&sql_name(&stored))?,
            data_type_span: span,
            not_null: false,
            span,
        });
    }
    Ok(columns)
}

/// A type as statements have it, from its name.
fn data_type(name: &str) -> Result<headwater_sql::sqlparser::ast::DataType> {
    let text = SourceText::new("discovered columns", format!("CREATE STREAM discovered (one {name})"));
    match headwater_sql::parse(&text)?.pop().map(|parsed| parsed.statement) {
        Some(Statement::CreateStream(mut create)) if create.columns.len() == 1 => {
            Ok(create.columns.remove(0).data_type)
        }
        _ => Err(headwater_query::Error::Internal(format!("{name} is no type")).into()),
    }
}
