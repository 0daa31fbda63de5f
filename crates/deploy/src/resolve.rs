//! What a project's statements mean together: relations, one dataflow graph, and sources. Pure: no network, no clock.

use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use headwater_catalog::{Definition, Graph, Known, Object, Owner};
use headwater_query::relation::{Relation, Relations, resolve as relation};
use headwater_sql::{Diagnostic, Diagnostics, Parsed, Span, Statement};
use headwater_stream::graph::Graph as Dataflow;
use headwater_stream::plan::{Builder, Storage};

use crate::sources::{self, Declared as DeclaredSource};
use crate::{Error, Result};

/// Everything that a project declares.
#[derive(Debug)]
pub struct Declared {
    pub relations: Arc<Relations>,
    pub graph: Arc<Dataflow>,
    /// Enabled or not, in the order of the files.
    pub sources: Vec<DeclaredSource>,
    /// For the catalog.
    pub definitions: Vec<Definition>,
}

/// Resolves the statements of a project. All that is wrong with independent statements is reported together.
pub fn resolve(statements: Vec<Parsed>) -> Result<Declared> {
    let stray: Vec<Diagnostic> =
        statements.iter().filter(|parsed| parsed.statement.defines().is_none()).map(not_a_definition).collect();
    Diagnostics::check(stray)?;
    let objects = Graph::of(statements, Owner::Project, &Known::default())?;
    let mut relations = Relations::new();
    let mut builder = Builder::new();
    let (mut sources, mut wrong) = (Vec::new(), Vec::new());
    let mut failed: Vec<&str> = Vec::new();
    for Object { definition, parsed } in objects.objects() {
        // What reads a broken relation can only be wrong in ways that say nothing new.
        if definition.depends_on.iter().any(|read| failed.contains(&read.as_str())) {
            failed.push(&definition.name);
        } else if let Err(error) = add(parsed, &mut relations, &mut builder, &mut sources) {
            failed.push(&definition.name);
            wrong.extend(diagnostics(error, parsed)?.0);
        }
    }
    Diagnostics::check(wrong)?;
    let graph = Arc::new(builder.finish());
    Ok(Declared { relations: Arc::new(relations), graph, sources, definitions: objects.definitions() })
}

/// An error of one statement as diagnostics that point into it; errors that are not the statement's stay errors.
fn diagnostics(error: Error, parsed: &Parsed) -> Result<Diagnostics> {
    match error {
        Error::Sql(diagnostics) | Error::Query(headwater_query::Error::Sql(diagnostics)) => Ok(diagnostics),
        Error::Stream(headwater_stream::Error::Invalid { message, hint }) => {
            let diagnostic = Diagnostic::new(parsed.source.clone(), query_span(parsed), message);
            Ok(match hint {
                Some(hint) => diagnostic.with_hint(hint).into(),
                None => diagnostic.into(),
            })
        }
        other => Err(other),
    }
}

fn add(
    parsed: &Parsed,
    relations: &mut Relations,
    builder: &mut Builder,
    declared: &mut Vec<DeclaredSource>,
) -> Result<()> {
    match &parsed.statement {
        Statement::CreateStream(create) => {
            let stream = Arc::new(relation::stream(create, &parsed.source)?);
            check_columns(&stream.schema, create.name.span, parsed)?;
            builder.add_stream(&stream);
            relations.add_stream(stream);
        }
        Statement::CreateMaterializedView(create) => {
            let view = relation::view(relations, create, &parsed.source)?;
            let settings = create.settings()?;
            let storage = Storage { format: settings.format.map(sources::format), partitions: settings.partitions };
            match builder.add_view(&view, &storage)? {
                Relation::Stream(stream) => {
                    check_columns(&stream.schema, create.query_span, parsed)?;
                    relations.add_stream(stream);
                }
                Relation::View(view) => relations.add_view(view),
            }
        }
        Statement::CreateSource(create) => declared.push(sources::resolve(create, parsed, relations)?),
        // The graph has refused what defines nothing.
        _ => {}
    }
    Ok(())
}

/// What could not be archived is told before anything is made.
fn check_columns(columns: &SchemaRef, span: Span, parsed: &Parsed) -> Result<()> {
    headwater_lake::check_columns(columns)
        .map_err(|refused| Diagnostics::from(Diagnostic::new(parsed.source.clone(), span, refused.to_string())).into())
}

fn not_a_definition(parsed: &Parsed) -> Diagnostic {
    let message = format!("{} defines nothing", parsed.statement.words());
    Diagnostic::new(parsed.source.clone(), parsed.span, message)
        .with_hint("a project's files hold definitions; run queries with `headwater sql`")
}

/// The part of a statement that an engine's refusal is about.
fn query_span(parsed: &Parsed) -> Span {
    match &parsed.statement {
        Statement::CreateMaterializedView(create) => create.query_span,
        _ => parsed.span,
    }
}
