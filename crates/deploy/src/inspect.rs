//! The one step that looks outside before anything is planned: what columns the files of external tables have.

use arrow::datatypes::Schema;
use headwater_catalog::{Definitions, Kind};
use headwater_query::provide::files::Places;
use headwater_query::relation::Files;
use headwater_query::sqltype::{sql_name, stored_type};
use headwater_sql::ast::{Column, CreateExternalTable, Name};
use headwater_sql::{Diagnostic, Diagnostics, Parsed, SourceText, Span, Statement};

use crate::{Error, Result};

/// The same statements; external tables that name no columns have those of their files. Where the files can't be read,
/// a table that was declared in the same way before has the columns that it had: what reads it will say what is missing.
pub async fn inspect(statements: Vec<Parsed>, places: &Places, before: &Definitions) -> Result<Vec<Parsed>> {
    let (mut known, mut wrong) = (Vec::with_capacity(statements.len()), Vec::new());
    for mut parsed in statements {
        if let Statement::CreateExternalTable(create) = &mut parsed.statement
            && create.columns.is_empty()
        {
            let found = match discovered(create, places).await {
                Ok(columns) => Ok(columns),
                Err(error) => match columns_before(create, before) {
                    Some(columns) => {
                        tracing::warn!("external table {} keeps its columns: {error}", create.name);
                        Ok(columns)
                    }
                    None => Err(error),
                },
            };
            match found {
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

async fn discovered(create: &CreateExternalTable, places: &Places) -> Result<Vec<Column>> {
    let found = places.discover(&Files::of(create)?).await?;
    columns(&found, create.location_span)
}

/// The columns that a table of the same name, format, place and options has.
fn columns_before(create: &CreateExternalTable, before: &Definitions) -> Option<Vec<Column>> {
    let text = before.get(&create.name.value).filter(|one| one.kind == Kind::ExternalTable)?.text.as_str();
    let parsed = headwater_sql::parse(&SourceText::new("a stored definition", text)).ok()?.pop()?;
    let Statement::CreateExternalTable(there) = parsed.statement else { return None };
    let same = there.format == create.format
        && there.location == create.location
        && there.settings().ok()? == create.settings().ok()?;
    same.then_some(there.columns)
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
