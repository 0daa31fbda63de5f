//! Feature views: what is known of entities, now and as of any time.
//!
//! The relation of a feature view's name has each entity's latest values. Its history is a stream with every value that
//! there was, and when that was known; a join with the view as of a time looks there.

use arrow::datatypes::{DataType, SchemaRef};
use headwater_sql::ast::{CreateFeatureView, Name};
use headwater_sql::{Diagnostic, Diagnostics, Fault, SourceText};

use super::resolve::indices;
use super::{HISTORY, companion, timestamp_type};
use crate::Result;
use crate::sqltype::sql_name;

/// When a value was known, where the query has no column of its own for that.
pub const KNOWN_AT: &str = "_known_at";

/// A feature view, beside its two relations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeatureView {
    pub name: String,
    /// Columns that tell entities apart.
    pub entity: Vec<usize>,
    /// The column that says as of when values are.
    pub timestamp: usize,
    /// The column that says when values were known. None: [`KNOWN_AT`] of the history does.
    pub known_at: Option<usize>,
    /// Microseconds for which values count.
    pub ttl_us: Option<i64>,
    /// The columns of the view; the history may have [`KNOWN_AT`] behind them.
    pub schema: SchemaRef,
}

impl FeatureView {
    /// What a statement says of the columns of its query.
    pub fn resolve(create: &CreateFeatureView, schema: &SchemaRef, source: &SourceText) -> Result<FeatureView> {
        let entity = indices(&create.entity, schema, source)?;
        let one =
            |name: &Name| indices(std::slice::from_ref(name), schema, source).map(|found| (found[0], name.clone()));
        let (timestamp, timestamp_name) = one(&create.timestamp)?;
        let known_at = create.known_at.as_ref().map(one).transpose()?;
        let mut refused = Vec::new();
        for (column, name) in std::iter::once(&(timestamp, timestamp_name)).chain(&known_at) {
            let found = schema.field(*column).data_type();
            if *found != timestamp_type() {
                let message = format!("{name} is of type {}, and a time is wanted", sql_name(found));
                refused.push(Diagnostic::new(source.clone(), name.span, message).with_fault(Fault::Types));
            }
            if let Some(place) = entity.iter().position(|each| each == column) {
                let message = format!("{name} can't tell entities apart and say when their values are");
                refused.push(Diagnostic::new(source.clone(), create.entity[place].span, message));
            }
        }
        for (column, name) in entity.iter().zip(&create.entity) {
            let found = schema.field(*column).data_type();
            if matches!(found, DataType::Float32 | DataType::Float64) {
                let message = format!("{name} is of type {}, which tells no entities apart", sql_name(found));
                refused.push(Diagnostic::new(source.clone(), name.span, message).with_fault(Fault::Types));
            }
        }
        if schema.index_of(KNOWN_AT).is_ok() {
            let message = format!("{KNOWN_AT} is the history's own column");
            let hint = "give it another name, and name it after KNOWN AT if it says when values were known";
            refused.push(Diagnostic::new(source.clone(), create.rows.query_span, message).with_hint(hint));
        }
        let known_at = known_at.map(|(column, _)| column);
        let ttl_us = create.ttl.map(|ttl| i64::try_from(ttl.as_micros()).unwrap_or(i64::MAX));
        let view = FeatureView {
            name: create.name.value.clone(),
            entity,
            timestamp,
            known_at,
            ttl_us,
            schema: SchemaRef::clone(schema),
        };
        if view.features().next().is_none() {
            let message = "there are no features beside entity and times";
            refused.push(Diagnostic::new(source.clone(), create.rows.query_span, message));
        }
        Diagnostics::check(refused)?;
        Ok(view)
    }

    /// The stream with all values that there were.
    pub fn history(&self) -> String {
        companion(HISTORY, &self.name)
    }

    /// The history's column that says when a value was known.
    pub fn known_at_name(&self) -> &str {
        self.known_at.map_or(KNOWN_AT, |column| self.schema.field(column).name())
    }

    /// The columns with values.
    pub fn features(&self) -> impl Iterator<Item = usize> {
        let is_other = |column: &usize| {
            !self.entity.contains(column) && *column != self.timestamp && Some(*column) != self.known_at
        };
        (0..self.schema.fields().len()).filter(is_other)
    }

    /// A column's name as SQL has it.
    pub fn column(&self, column: usize) -> String {
        quoted(self.schema.field(column).name())
    }

    /// The query of its latest values over its history.
    pub fn latest(&self) -> String {
        let all: Vec<String> = (0..self.schema.fields().len()).map(|column| self.column(column)).collect();
        let entity: Vec<String> = self.entity.iter().map(|column| self.column(*column)).collect();
        let (time, known) = (self.column(self.timestamp), quoted(self.known_at_name()));
        format!(
            "SELECT {} FROM (SELECT *, row_number() OVER (PARTITION BY {} ORDER BY {time} DESC NULLS LAST, {known} DESC \
             NULLS LAST) AS _place FROM {HISTORY}.{}) AS latest WHERE _place = 1",
            all.join(", "),
            entity.join(", "),
            quoted(&self.name)
        )
    }
}

/// As SQL has it.
pub fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
