//! What an `ALTER` makes of a definition.
//!
//! A change is accepted only if every row that is there already has a value for it: columns are added as nullable, and
//! types only widen to those that hold each of their values exactly.

mod widen;

use std::ops::ControlFlow;

use sqlparser::ast::{Expr, Visit, Visitor};

use crate::ast::{AlterAction, Change, Column, CreateSink, CreateSource, CreateStream, CreateTable, Name, Rule};
use crate::{Diagnostic, Diagnostics, Fault, Options, Result, SourceText, Span};

impl CreateStream {
    /// The definition after these actions; `source` is the text that they stand in.
    ///
    /// # Errors
    /// The first action that can't be, at its place in `source`.
    pub fn alter(&self, actions: &[AlterAction], source: &SourceText) -> Result<CreateStream, Diagnostics> {
        let mut altered = self.clone();
        for action in actions {
            let place = Place { source, span: action.span };
            match &action.change {
                Change::AddColumn(column) => add(&mut altered.columns, column, &place)?,
                Change::DropColumn(name) => {
                    find(&altered.columns, name, &place)?;
                    if altered.partition_key.contains(name) {
                        return Err(place.used(name, "PARTITION KEY").into());
                    }
                    if let Some(watermark) = &altered.watermark
                        && (watermark.column == *name || mentions(&watermark.expression, name))
                    {
                        return Err(place.used(name, "the watermark").into());
                    }
                    drop_column(&mut altered.columns, &altered.rules, name, &place)?;
                }
                Change::ColumnType { column, data_type, data_type_span } => {
                    let at = find(&altered.columns, column, &place)?;
                    widen::column(&mut altered.columns[at], data_type, &Place { source, span: *data_type_span })?;
                }
                Change::Options(options) => {
                    altered.options = merged(&altered.options, options);
                    altered.settings()?;
                }
            }
        }
        Ok(altered)
    }
}

impl CreateTable {
    /// As [`CreateStream::alter`]. A table that was made from a query has no columns of its own here: give it those
    /// that it got, and take the query away, before it is altered.
    pub fn alter(&self, actions: &[AlterAction], source: &SourceText) -> Result<CreateTable, Diagnostics> {
        let mut altered = self.clone();
        for action in actions {
            let place = Place { source, span: action.span };
            match &action.change {
                Change::AddColumn(column) => add(&mut altered.columns, column, &place)?,
                Change::DropColumn(name) => {
                    find(&altered.columns, name, &place)?;
                    for (names, what) in
                        [(&altered.primary_key, "PRIMARY KEY"), (&altered.partitioned_by, "PARTITIONED BY")]
                    {
                        if names.contains(name) {
                            return Err(place.used(name, what).into());
                        }
                    }
                    drop_column(&mut altered.columns, &altered.rules, name, &place)?;
                }
                Change::ColumnType { column, data_type, data_type_span } => {
                    let at = find(&altered.columns, column, &place)?;
                    let type_place = Place { source, span: *data_type_span };
                    if altered.partitioned_by.contains(column) {
                        let message = format!("{column} is in PARTITIONED BY: its type names folders of files");
                        return Err(type_place.refuse(message).into());
                    }
                    widen::column(&mut altered.columns[at], data_type, &type_place)?;
                }
                Change::Options(options) => {
                    altered.options = merged(&altered.options, options);
                    altered.settings()?;
                }
            }
        }
        Ok(altered)
    }
}

impl CreateSource {
    /// The definition's text after these actions, which are options; `source` is the text that they stand in.
    pub fn alter(&self, actions: &[AlterAction], source: &SourceText) -> Result<String, Diagnostics> {
        let mut altered = self.clone();
        altered.options = with_options(&self.options, actions, source, "source")?;
        altered.settings()?;
        Ok(self.options.replaced_by(&altered.options))
    }
}

impl CreateSink {
    /// As [`CreateSource::alter`].
    pub fn alter(&self, actions: &[AlterAction], source: &SourceText) -> Result<String, Diagnostics> {
        let mut altered = self.clone();
        altered.options = with_options(&self.options, actions, source, "sink")?;
        altered.settings()?;
        Ok(self.options.replaced_by(&altered.options))
    }
}

fn with_options(there: &Options, actions: &[AlterAction], source: &SourceText, kind: &str) -> Result<Options> {
    let mut options = there.clone();
    for action in actions {
        let Change::Options(change) = &action.change else {
            let refused = Place { source, span: action.span }.refuse(format!("a {kind} has no columns of its own"));
            return Err(
                refused.with_hint(format!("what works: ALTER {} name SET (enabled = false)", kind.to_uppercase()))
            );
        };
        options = merged(&options, change);
    }
    Ok(options)
}

/// Where the text says what is being done.
struct Place<'a> {
    source: &'a SourceText,
    span: Span,
}

impl Place<'_> {
    fn refuse(&self, message: impl Into<String>) -> Diagnostic {
        Diagnostic::new(self.source.clone(), self.span, message)
    }

    fn at(&self, name: &Name, message: impl Into<String>) -> Diagnostic {
        Diagnostic::new(self.source.clone(), name.span, message)
    }

    fn used(&self, name: &Name, what: &str) -> Diagnostic {
        self.at(name, format!("column {name} can't be dropped: {what} needs it"))
    }
}

fn add(columns: &mut Vec<Column>, column: &Column, place: &Place<'_>) -> Result<()> {
    if columns.iter().any(|there| there.name == column.name) {
        let refused = place.at(&column.name, format!("there is a column {} already", column.name));
        return Err(refused.with_fault(Fault::ColumnTwice));
    }
    if column.not_null {
        let refused = Diagnostic::new(place.source.clone(), column.span, "a new column can't be NOT NULL");
        return Err(refused.with_hint("rows that are there have no value for it; a rule can ask for one in new rows"));
    }
    columns.push(column.clone());
    Ok(())
}

fn find(columns: &[Column], name: &Name, place: &Place<'_>) -> Result<usize> {
    columns.iter().position(|column| column.name == *name).ok_or_else(|| {
        let refused = place.at(name, format!("there is no column {name}")).with_fault(Fault::NoColumn);
        match crate::nearest(&name.value, columns.iter().map(|column| column.name.value.as_str())) {
            Some(near) => refused.with_hint(format!("did you mean {near}?")),
            None => refused,
        }
    })
}

fn drop_column(columns: &mut Vec<Column>, rules: &[Rule], name: &Name, place: &Place<'_>) -> Result<()> {
    if let Some(rule) = rules.iter().find(|rule| mentions(&rule.condition, name)) {
        return Err(place.used(name, &format!("rule {}", rule.name)));
    }
    if columns.len() == 1 {
        return Err(place.at(name, format!("column {name} can't be dropped: it is the last one")));
    }
    columns.retain(|column| column.name != *name);
    Ok(())
}

/// Those that are named take the place of what was there; the others stay.
fn merged(there: &Options, change: &Options) -> Options {
    let mut entries = there.entries().to_vec();
    for entry in change.entries() {
        match entries.iter_mut().find(|old| old.name == entry.name) {
            Some(old) => *old = entry.clone(),
            None => entries.push(entry.clone()),
        }
    }
    // Errors can only be about what is new.
    Options::new(change.source.clone(), change.span, entries)
}

/// Whether an expression names a column.
fn mentions(expression: &Expr, column: &Name) -> bool {
    struct Search<'a>(&'a Name);

    impl Visitor for Search<'_> {
        type Break = ();

        fn pre_visit_expr(&mut self, expression: &Expr) -> ControlFlow<()> {
            let named = match expression {
                Expr::Identifier(name) => Some(name),
                // `orders.amount`, and `amount.field` of a nested value.
                Expr::CompoundIdentifier(names) => names.iter().find(|name| self.is(name)),
                _ => None,
            };
            if named.is_some_and(|name| self.is(name)) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        }
    }

    impl Search<'_> {
        fn is(&self, name: &sqlparser::ast::Ident) -> bool {
            Name::fold(&name.value, name.quote_style.is_some()) == self.0.value
        }
    }

    expression.visit(&mut Search(column)).is_break()
}

#[cfg(test)]
mod tests;
