//! DataFusion's errors as diagnostics that point into the author's file.
//!
//! The statement's tokens carry their places in the file, so DataFusion's spans need no offset; what has no span
//! points at the whole statement.

use datafusion::common::{DataFusionError, Diagnostic as Found, SchemaError};
use headwater_sql::{Diagnostic, Diagnostics, Fault, SourceText, Span};

use super::refusal::Refusal;
use crate::Error;

/// Where a planned text stands.
#[derive(Debug, Clone)]
pub struct Place<'a> {
    pub source: &'a SourceText,
    /// What to underline when an error has no span of its own.
    pub span: Span,
}

impl<'a> Place<'a> {
    pub fn new(source: &'a SourceText, span: Span) -> Place<'a> {
        Place { source, span }
    }

    pub fn refuse(&self, message: impl Into<String>) -> Diagnostic {
        Diagnostic::new(self.source.clone(), self.span, message)
    }

    fn span_of(&self, span: Option<datafusion::common::Span>) -> Span {
        let engine = span.map(|span| {
            let location = |at: datafusion::common::Location| sqlparser::tokenizer::Location::new(at.line, at.column);
            sqlparser::tokenizer::Span::new(location(span.start), location(span.end))
        });
        engine.and_then(|span| self.source.engine_span(span)).unwrap_or(self.span)
    }
}

/// An error of planning.
pub fn planning(error: &DataFusionError, place: &Place<'_>) -> Error {
    let mut found = Vec::new();
    collect(error, None, place, &mut found);
    found.sort_by_key(|diagnostic| diagnostic.span);
    found.dedup_by(|one, two| one.span == two.span && one.message == two.message);
    Error::Sql(Diagnostics(found))
}

/// An error of running what was planned.
pub fn execution(error: DataFusionError) -> Error {
    // An error of ours says all that there is to say, the text of a damage too.
    let is_ours = matches!(error.find_root(), DataFusionError::External(source) if source.is::<Error>());
    if !is_ours && let Some(lake) = headwater_lake::Error::damage_inside(&error) {
        return Error::Archive { kind: lake.kind(), message: lake.to_string() };
    }
    match error {
        DataFusionError::External(source) => match source.downcast::<Error>() {
            Ok(own) => *own,
            Err(other) => Error::Execution(other.to_string()),
        },
        DataFusionError::Context(_, inner) | DataFusionError::Diagnostic(_, inner) => execution(*inner),
        DataFusionError::Shared(shared) => match std::sync::Arc::try_unwrap(shared) {
            Ok(inner) => execution(inner),
            Err(shared) => shared_execution(&shared),
        },
        DataFusionError::ResourcesExhausted(detail) => Error::Memory(detail),
        DataFusionError::Internal(detail) => Error::Internal(detail),
        other => Error::Execution(plain(&other)),
    }
}

fn shared_execution(error: &DataFusionError) -> Error {
    match error {
        DataFusionError::External(source) => match source.downcast_ref::<Error>() {
            Some(own) => own.clone(),
            None => Error::Execution(source.to_string()),
        },
        DataFusionError::Context(_, inner) | DataFusionError::Diagnostic(_, inner) => shared_execution(inner),
        DataFusionError::Shared(shared) => shared_execution(shared),
        DataFusionError::ResourcesExhausted(detail) => Error::Memory(detail.clone()),
        DataFusionError::Internal(detail) => Error::Internal(detail.clone()),
        other => Error::Execution(plain(other)),
    }
}

/// The message without DataFusion's prefixes ("Error during planning: ") and stack traces.
pub fn plain(error: &DataFusionError) -> String {
    match error {
        DataFusionError::Context(_, inner) | DataFusionError::Diagnostic(_, inner) => plain(inner),
        DataFusionError::Shared(inner) => plain(inner),
        DataFusionError::ArrowError(inner, _) => inner.to_string(),
        other => {
            let message = other.message();
            let message = message.split(DataFusionError::BACK_TRACE_SEP).next().unwrap_or_default();
            message.trim().to_owned()
        }
    }
}

fn collect(error: &DataFusionError, outer: Option<&Found>, place: &Place<'_>, found: &mut Vec<Diagnostic>) {
    match error {
        DataFusionError::Collection(errors) => {
            for error in errors {
                collect(error, None, place, found);
            }
        }
        DataFusionError::Diagnostic(diagnostic, inner) => collect(inner, outer.or(Some(diagnostic)), place, found),
        DataFusionError::Context(_, inner) => collect(inner, outer, place, found),
        DataFusionError::Shared(inner) => collect(inner, outer, place, found),
        DataFusionError::External(source) => match source.downcast_ref::<Refusal>() {
            Some(refusal) => found.push(refused(refusal, outer, place)),
            None => found.push(other(error, outer, place)),
        },
        DataFusionError::SchemaError(schema, _) => found.push(wrong_name(schema, error, outer, place)),
        _ => found.push(other(error, outer, place)),
    }
}

fn refused(refusal: &Refusal, outer: Option<&Found>, place: &Place<'_>) -> Diagnostic {
    let own = refusal.span.and_then(|span| place.source.engine_span(span));
    let span = own.unwrap_or_else(|| place.span_of(outer.and_then(|outer| outer.span)));
    let mut diagnostic = Diagnostic::new(place.source.clone(), span, &refusal.message);
    diagnostic.fault = refusal.fault;
    diagnostic.detail.clone_from(&refusal.detail);
    diagnostic.hint.clone_from(&refusal.hint);
    diagnostic
}

fn wrong_name(schema: &SchemaError, error: &DataFusionError, outer: Option<&Found>, place: &Place<'_>) -> Diagnostic {
    let mut diagnostic = other(error, outer, place);
    match schema {
        SchemaError::FieldNotFound { field, valid_fields } => {
            diagnostic.fault = Fault::NoColumn;
            diagnostic.message = format!("there is no column {}", field.flat_name());
            let span = field.spans().first();
            if outer.is_none() && span.is_some() {
                diagnostic.span = place.span_of(span);
            }
            let near = headwater_sql::nearest(field.name(), valid_fields.iter().map(|column| column.name()));
            let all = || {
                let mut names: Vec<&str> = valid_fields.iter().map(|column| column.name()).collect();
                let mut seen = std::collections::BTreeSet::new();
                names.retain(|name| seen.insert(*name));
                names.truncate(20);
                names.join(", ")
            };
            diagnostic.hint = match near {
                Some(near) => Some(format!("did you mean {near}?")),
                None if valid_fields.is_empty() => None,
                None => Some(format!("the columns here are {}", all())),
            };
        }
        // Without a place it is not a reference that is ambiguous but the output.
        SchemaError::AmbiguousReference { field } if outer.is_none() => {
            diagnostic.fault = Fault::ColumnTwice;
            diagnostic.message = format!("two columns are called {}", field.name());
            diagnostic.hint = Some("rename one with AS".to_owned());
        }
        SchemaError::AmbiguousReference { field } => {
            diagnostic.fault = Fault::Ambiguous;
            diagnostic.message = format!("column {} is in more than one relation here", field.name());
            diagnostic.hint = Some("write the relation's name before it".to_owned());
        }
        SchemaError::DuplicateQualifiedField { name, .. } | SchemaError::DuplicateUnqualifiedField { name } => {
            diagnostic.fault = Fault::ColumnTwice;
            diagnostic.message = format!("two columns are called {name}");
            // Names of expressions leave casts out.
            let hint = if name.contains('(') {
                "where they differ only in a cast, compute one under a name of its own in a subquery of FROM"
            } else {
                "rename one with AS"
            };
            diagnostic.hint = Some(hint.to_owned());
        }
    }
    diagnostic
}

fn other(error: &DataFusionError, outer: Option<&Found>, place: &Place<'_>) -> Diagnostic {
    let message = outer.map_or_else(|| plain(error), |outer| outer.message.clone());
    let span = place.span_of(outer.and_then(|outer| outer.span));
    let fault = fault(error, &message);
    let mut diagnostic = Diagnostic::new(place.source.clone(), span, message).with_fault(fault);
    let notes = outer.into_iter().flat_map(|outer| {
        let notes = outer.notes.iter().map(|note| note.message.clone());
        notes.chain(outer.helps.iter().map(|help| help.message.clone()))
    });
    let notes: Vec<String> = notes.collect();
    if !notes.is_empty() {
        diagnostic.hint = Some(notes.join("; "));
    }
    if let DataFusionError::NotImplemented(_) = error {
        diagnostic.detail = Some("the engine cannot do this yet".to_owned());
    }
    if diagnostic.message == "Invalid function 'proctime'" {
        diagnostic.message = "PROCTIME(), the time when a row came, is not built yet".to_owned();
        diagnostic.fault = Fault::NotBuilt;
        diagnostic.hint =
            Some("let who sends the rows write their time, and name that column in WATERMARK FOR".to_owned());
    }
    diagnostic
}

/// What DataFusion's planner says of functions and types, for which it has errors of one kind only: its words, and
/// those of coercion. Source: the `plan_err!` of datafusion-sql, datafusion-expr and datafusion-optimizer 55.
const PLANNING: &[(&str, Fault)] = &[
    ("Invalid function", Fault::NoFunction),
    ("failed to match any signature", Fault::NoFunction),
    ("No function matches", Fault::NoFunction),
    ("failed to coerce arguments", Fault::NoFunction),
    ("Projections require unique expression names", Fault::ColumnTwice),
    ("is not supported", Fault::NotBuilt),
    ("can't be planned", Fault::NotBuilt),
];

fn fault(error: &DataFusionError, message: &str) -> Fault {
    if let DataFusionError::NotImplemented(_) = error.find_root() {
        return Fault::NotBuilt;
    }
    let known = PLANNING.iter().find(|(words, _)| message.contains(words));
    known.map_or(Fault::Meaning, |(_, fault)| *fault)
}
