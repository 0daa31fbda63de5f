//! From a declared suite to what is measured for it. All that is wrong with its expectations is told at once.

mod of_columns;
mod of_rows;

use std::sync::Arc;

use arrow::datatypes::{Field, SchemaRef};
use headwater_query::RuleSet;
use headwater_query::sqltype::sql_name;
use headwater_sql::ast::{Argument, CreateExpectations, Expectation, Expression, Literal, Name, Rule, Violation};
use headwater_sql::{Diagnostic, Diagnostics, Fault, SourceText, Span};

use super::{Check, Suite};
use crate::column::{Class, Column};
use crate::literal::Bounds;
use crate::measure::{Measure, Planned};
use crate::scan::{Scan, quoted};
use crate::{Error, Result};

impl Suite {
    /// What a suite means over a relation with these columns.
    ///
    /// # Errors
    /// [`Error::Sql`]: columns that are not there, or of types that an expectation is not about.
    pub fn resolve(create: &CreateExpectations, schema: &SchemaRef, source: &SourceText) -> Result<Suite> {
        let mut draft = Draft::new(schema, source);
        let mut wrong = Vec::new();
        if let Some(condition) = &create.condition {
            wrong.extend(draft.refuse_condition(condition, source)?);
        }
        let mut checks = Vec::with_capacity(create.expectations.len());
        for expectation in &create.expectations {
            match draft.check(expectation) {
                Ok(check) => checks.push(check),
                Err(Error::Sql(diagnostics)) => wrong.extend(diagnostics.0),
                Err(other) => return Err(other),
            }
        }
        Diagnostics::check(wrong)?;
        let Draft { columns, conditions, measures, .. } = draft;
        let scan = Scan {
            relation: quoted(&create.relation.value),
            condition: create.condition.as_ref().map(|condition| condition.text.clone()),
            columns,
            conditions,
            measures,
        };
        Ok(Suite {
            name: create.name.value.clone(),
            relation: create.relation.value.clone(),
            scan: Arc::new(scan),
            checks: Arc::new(checks),
        })
    }
}

/// A suite that is being resolved.
struct Draft<'a> {
    schema: &'a SchemaRef,
    source: &'a SourceText,
    columns: Vec<Column>,
    conditions: Vec<String>,
    measures: Vec<Planned>,
}

/// One expectation of it.
struct Entry<'a> {
    expectation: &'a Expectation,
    condition: Option<usize>,
}

impl<'a> Draft<'a> {
    fn new(schema: &'a SchemaRef, source: &'a SourceText) -> Draft<'a> {
        Draft { schema, source, columns: Vec::new(), conditions: Vec::new(), measures: Vec::new() }
    }

    fn check(&mut self, expectation: &Expectation) -> Result<Check> {
        let condition = match &expectation.condition {
            None => None,
            Some(condition) => Some(self.condition(condition)?),
        };
        let entry = Entry { expectation, condition };
        let ask = match self.of_table(&entry)? {
            Some(ask) => ask,
            None => match self.of_column(&entry)? {
                Some(ask) => ask,
                None => self.of_rows(&entry)?,
            },
        };
        Ok(Check {
            expectation: expectation.kind.name,
            column: entry.about(),
            arguments: expectation.arguments_text.clone(),
            severity: expectation.severity,
            mostly: expectation.mostly,
            ask,
        })
    }

    /// The place of a condition among those of the scan. It was read from a text of its own, whose places mean nothing
    /// in the suite's.
    fn condition(&mut self, condition: &Expression) -> Result<usize> {
        let own = SourceText::new("condition", condition.text.clone());
        if let Some(refused) = self.refuse_condition(condition, &own)?.into_iter().next() {
            let message = format!("condition: {}", refused.message);
            let refused_here = Diagnostic::new(self.source.clone(), condition.span, message).with_fault(refused.fault);
            return Err(match refused.hint {
                Some(hint) => refused_here.with_hint(hint),
                None => refused_here,
            }
            .into());
        }
        if let Some(place) = self.conditions.iter().position(|one| *one == condition.text) {
            return Ok(place);
        }
        self.conditions.push(condition.text.clone());
        Ok(self.conditions.len() - 1)
    }

    /// What is wrong with a condition of rows.
    fn refuse_condition(&self, condition: &Expression, source: &SourceText) -> Result<Vec<Diagnostic>> {
        let name = Name { value: "condition".to_owned(), span: condition.span };
        let rule = Rule {
            name,
            condition: condition.expression.clone(),
            condition_text: condition.text.clone(),
            condition_span: condition.span,
            on_violation: Violation::Warn,
            span: condition.span,
        };
        match RuleSet::resolve(&[rule], self.schema, source) {
            Ok(_) => Ok(Vec::new()),
            Err(headwater_query::Error::Sql(diagnostics)) => Ok(diagnostics.0),
            Err(other) => Err(other.into()),
        }
    }

    /// The place of a measure among those of the scan; one that is there already serves.
    fn measure(&mut self, entry: &Entry<'_>, measure: Measure) -> usize {
        let there = |one: &Planned| one.condition == entry.condition && one.measure.same(&measure);
        if let Some(place) = self.measures.iter().position(there) {
            return place;
        }
        self.measures.push(Planned { measure, condition: entry.condition });
        self.measures.len() - 1
    }

    fn refuse(&self, span: Span, message: impl Into<String>) -> Error {
        Diagnostic::new(self.source.clone(), span, message).into()
    }

    /// A column that an argument names.
    fn named(&self, name: &Name) -> Result<&'a Field> {
        self.schema.field_with_name(&name.value).map_err(|_| {
            let refused = Diagnostic::new(self.source.clone(), name.span, format!("there is no column {name}"))
                .with_fault(Fault::NoColumn);
            let names = self.schema.fields().iter().map(|field| field.name().as_str());
            match headwater_sql::nearest(&name.value, names) {
                Some(near) => refused.with_hint(format!("did you mean {near}?")).into(),
                None => refused.into(),
            }
        })
    }

    /// The place of a column among those of the scan.
    fn scanned(&mut self, name: &Name) -> Result<usize> {
        let field = self.named(name)?;
        if let Some(place) = self.columns.iter().position(|one| one.name == *field.name()) {
            return Ok(place);
        }
        self.columns.push(Column::of(field));
        Ok(self.columns.len() - 1)
    }

    /// The column of the parameter `column`.
    fn column(&mut self, entry: &Entry<'_>) -> Result<usize> {
        self.column_of(entry, "column")
    }

    fn column_of(&mut self, entry: &Entry<'_>, parameter: &str) -> Result<usize> {
        match entry.value(parameter) {
            Some(Literal::Name(name)) => self.scanned(name),
            _ => Err(lacks(parameter)),
        }
    }

    /// The column, which has to be of a class.
    fn column_that(&mut self, entry: &Entry<'_>, is: impl Fn(&Column) -> bool, what: &str) -> Result<usize> {
        let place = self.column(entry)?;
        let column = &self.columns[place];
        if is(column) {
            return Ok(place);
        }
        let (name, data_type) = (&column.name, sql_name(&column.data_type));
        let message = format!("{} is about {what}, and {name} is of type {data_type}", entry.expectation.kind.name);
        Err(self.refuse(entry.span("column"), message))
    }

    fn text_column(&mut self, entry: &Entry<'_>) -> Result<usize> {
        self.column_that(entry, |column| column.class == Class::Text, "texts")
    }

    fn number_column(&mut self, entry: &Entry<'_>) -> Result<usize> {
        self.column_that(entry, Column::is_number, "numbers")
    }

    /// The columns of `column_list`.
    fn column_list(&mut self, entry: &Entry<'_>) -> Result<Vec<usize>> {
        entry.names("column_list").into_iter().map(|name| self.scanned(name)).collect()
    }

    /// Bounds as floats, of a number that is made from a column.
    fn float_bounds(&self, entry: &Entry<'_>, column: usize) -> Result<(f64, f64)> {
        let bounds = entry.bounds().floats(&self.columns[column]);
        bounds.map_err(|message| self.refuse(entry.bounds_span(), message))
    }
}

fn lacks(parameter: &str) -> Error {
    // The parser lets no expectation pass without what it needs.
    Error::Internal(format!("an expectation lacks {parameter}"))
}

impl<'a> Entry<'a> {
    fn name(&self) -> &'static str {
        self.expectation.kind.name
    }

    fn given(&self, parameter: &str) -> Option<&'a Argument> {
        self.expectation.argument(parameter)
    }

    fn value(&self, parameter: &str) -> Option<&'a Literal> {
        self.given(parameter).map(|argument| &argument.value)
    }

    fn span(&self, parameter: &str) -> Span {
        self.given(parameter).map_or(self.expectation.name_span, |argument| argument.span)
    }

    fn list(&self, parameter: &str) -> &'a [Literal] {
        match self.value(parameter) {
            Some(Literal::List(values)) => values,
            _ => &[],
        }
    }

    fn names(&self, parameter: &str) -> Vec<&'a Name> {
        let name = |literal: &'a Literal| match literal {
            Literal::Name(name) => Some(name),
            _ => None,
        };
        self.list(parameter).iter().filter_map(name).collect()
    }

    fn text(&self, parameter: &str) -> Option<&'a str> {
        match self.value(parameter) {
            Some(Literal::Text(text)) => Some(text),
            _ => None,
        }
    }

    fn texts(&self, parameter: &str) -> Vec<String> {
        let text = |literal: &Literal| match literal {
            Literal::Text(text) => Some(text.clone()),
            _ => None,
        };
        self.list(parameter).iter().filter_map(text).collect()
    }

    fn flag(&self, parameter: &str, default: bool) -> bool {
        match self.value(parameter) {
            Some(Literal::Boolean(value)) => *value,
            _ => default,
        }
    }

    fn count(&self, parameter: &str) -> Option<u64> {
        match self.value(parameter) {
            Some(Literal::Number(number)) => number.parse().ok(),
            _ => None,
        }
    }

    fn bounds(&self) -> Bounds<'a> {
        Bounds {
            min: self.value("min_value"),
            max: self.value("max_value"),
            strict_min: self.flag("strict_min", false),
            strict_max: self.flag("strict_max", false),
        }
    }

    /// Where the first of the bounds stands.
    fn bounds_span(&self) -> Span {
        let stands = |parameter: &str| self.value(parameter).is_some_and(|value| *value != Literal::Null);
        if stands("min_value") { self.span("min_value") } else { self.span("max_value") }
    }

    /// The names of the columns that it is about.
    fn about(&self) -> Option<String> {
        let name = |parameter: &str| match self.value(parameter) {
            Some(Literal::Name(name)) => Some(name.value.clone()),
            _ => None,
        };
        if let Some(column) = name("column") {
            return Some(column);
        }
        if let (Some(one), Some(other)) = (name("column_a"), name("column_b")) {
            return Some(format!("{one}, {other}"));
        }
        let list: Vec<&str> = self.names("column_list").into_iter().map(|name| name.value.as_str()).collect();
        (!list.is_empty() && !self.name().starts_with("table_")).then(|| list.join(", "))
    }
}
