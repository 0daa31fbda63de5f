//! The one step that looks outside before anything is planned: what columns the files of external tables have.

use std::path::Path;

use headwater_query::provide::files;
use headwater_query::relation::Files;
use headwater_query::sqltype::sql_name;
use headwater_sql::ast::{Column, CreateExternalTable, Name};
use headwater_sql::{Diagnostic, Diagnostics, Parsed, SourceText, Statement};

use crate::Result;

/// The same statements; external tables that name no columns have those of their files.
pub async fn inspect(statements: Vec<Parsed>, root: &Path) -> Result<Vec<Parsed>> {
    let (mut known, mut wrong) = (Vec::with_capacity(statements.len()), Vec::new());
    for mut parsed in statements {
        if let Statement::CreateExternalTable(create) = &mut parsed.statement
            && create.columns.is_empty()
        {
            match columns(create, root).await {
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

async fn columns(create: &CreateExternalTable, root: &Path) -> Result<Vec<Column>> {
    let settings = create.settings()?;
    let files = Files {
        format: create.format,
        location: create.location.clone(),
        header: settings.header,
        delimiter: settings.delimiter,
    };
    let found = files::discover(&files, root).await?;
    let mut columns = Vec::with_capacity(found.fields().len());
    for field in found.fields() {
        columns.push(Column {
            name: Name { value: field.name().clone(), span: create.location_span },
            data_type: data_type(&sql_name(field.data_type()))?,
            data_type_span: create.location_span,
            not_null: false,
            span: create.location_span,
        });
    }
    Ok(columns)
}

/// A type as statements have it, from its name.
fn data_type(name: &str) -> Result<headwater_sql::sqlparser::ast::DataType> {
    let text = SourceText::new("discovered columns", format!("CREATE STREAM discovered (one {name})"));
    match headwater_sql::parse(&text)?.pop().map(|parsed| parsed.statement) {
        Some(Statement::CreateStream(mut create)) if create.columns.len() == 1 => Ok(create.columns.remove(0).data_type),
        _ => Err(headwater_query::Error::Internal(format!("{name} is no type")).into()),
    }
}
