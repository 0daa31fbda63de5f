//! Which object a name in a statement means, and whether it can mean that.

use std::collections::BTreeMap;

use headwater_sql::{Diagnostic, Fault, nearest};

use super::references::Use;
use super::{Draft, Known, Reference};
use crate::definition::Kind;

/// What a name can stand for.
pub(super) struct Named {
    kind: Kind,
    feeds: Option<String>,
}

pub(super) fn names(drafts: &[Draft], known: &Known) -> BTreeMap<String, Named> {
    let elsewhere = known.definitions.iter().map(|one| (one.name.clone(), Named { kind: one.kind, feeds: None }));
    let here = drafts.iter().map(|one| (one.name.clone(), Named { kind: one.kind, feeds: one.feeds.clone() }));
    elsewhere.chain(here).collect()
}

/// The object that a reference means; None for what is the platform's own.
pub(super) fn resolve<'a>(
    draft: &Draft,
    reference: &Reference,
    names: &'a BTreeMap<String, Named>,
    known: &Known,
) -> Result<Option<&'a str>, Diagnostic> {
    let refuse = |message: String| {
        Diagnostic::new(draft.parsed.source.clone(), reference.span, message).with_fault(Fault::WrongKind)
    };
    let (what, missing) = match reference.of {
        Use::Rows | Use::Feed => ("relation", Fault::NoRelation),
        Use::Secret => ("secret", Fault::NoObject),
        Use::Connection => ("connection", Fault::NoObject),
        Use::Chart => ("chart", Fault::NoObject),
        Use::Model => ("model", Fault::NoObject),
        Use::Experiment => ("experiment", Fault::NoObject),
    };
    let wanted = match &reference.parts[..] {
        [name] => name,
        [schema, ..] if known.schemas.contains(schema) => return Ok(None),
        [schema, name] if known.mirrors.contains(schema) => name,
        parts => return Err(refuse(format!("there is no {what} {}", parts.join("."))).with_fault(missing)),
    };
    let Some((name, named)) = names.get_key_value(wanted) else {
        let refused = refuse(format!("there is no {what} {}", reference.parts.join("."))).with_fault(missing);
        return Err(match nearest(wanted, names.keys().map(String::as_str)) {
            Some(near) => refused.with_hint(format!("did you mean {near}?")),
            None if reference.of == Use::Secret => refused.with_hint("declare it with CREATE SECRET"),
            None if reference.of == Use::Connection => refused.with_hint("declare it with CREATE CONNECTION"),
            None if reference.of == Use::Chart => refused.with_hint("declare it with CREATE CHART"),
            None if reference.of == Use::Model => refused.with_hint("declare it with CREATE MODEL"),
            None if reference.of == Use::Experiment => refused.with_hint("declare it with CREATE EXPERIMENT"),
            None => refused.with_hint("declare it with CREATE STREAM or CREATE MATERIALIZED VIEW"),
        });
    };
    match (reference.of, named.kind) {
        (Use::Secret, Kind::Secret) | (Use::Connection, Kind::Connection) | (Use::Feed, Kind::Stream) => Ok(Some(name)),
        (Use::Chart, Kind::Chart) | (Use::Experiment, Kind::Experiment) | (Use::Model, Kind::Model) => Ok(Some(name)),
        // Its stream, in the schema of exposures.
        (Use::Rows, Kind::Experiment) if reference.parts.len() > 1 => Ok(Some(name)),
        (Use::Secret | Use::Connection | Use::Chart | Use::Experiment | Use::Model, other) => {
            Err(refuse(format!("{name} is a {other}, and no {what}")))
        }
        (Use::Feed, other) => {
            let refused = refuse(format!("{name} is a {other}, and a source feeds a stream"));
            Err(refused.with_hint("declare a stream with CREATE STREAM and name it after INTO"))
        }
        (Use::Rows, Kind::Source) if let Some(stream) = &named.feeds => {
            let refused = refuse(format!("{name} is a source, and its rows are in the stream {stream}"));
            Err(refused.with_hint(format!("read {stream}")))
        }
        (Use::Rows, kind) if kind.is_relation() || kind == Kind::Source => Ok(Some(name)),
        (Use::Rows, Kind::Experiment) => {
            let refused = refuse(format!("{name} is an experiment, which has no rows to read"));
            Err(refused.with_hint(format!("who was shown what is in exposures.{name}")))
        }
        (Use::Rows, other) => Err(refuse(format!("{name} is a {other}, which has no rows to read"))),
    }
}
