//! What an `ALTER` makes of a definition.
//!
//! A change is accepted only if every row that is there already has a value for it: columns are added as nullable, and
//! types only widen to those that hold each of their values exactly.

mod widen;

use std::ops::ControlFlow;

use sqlparser::ast::{Expr, Visit, Visitor};

use crate::ast::{
    AlterAction, Change, Column, CreateAlert, CreateExternalTable, CreateMaterializedView, CreateSink, CreateSource,
    CreateStream, CreateTable, CreateView, Name, Query, Refresh, Rule,
};
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
                Change::DropColumn { column, .. } => {
                    if altered.partition_key.contains(column) {
                        return Err(place.used(column, "PARTITION KEY").into());
                    }
                    if let Some(watermark) = &altered.watermark
                        && (watermark.column == *column || mentions(&watermark.expression, column))
                    {
                        return Err(place.used(column, "the watermark").into());
                    }
                    change_columns(&mut altered.columns, &altered.rules, action, &place)?;
                }
                Change::AddRule(rule) => {
                    if altered.rules.iter().any(|there| there.name == rule.name) {
                        return Err(place.at(&rule.name, format!("there is a rule {} already", rule.name)).into());
                    }
                    altered.rules.push(rule.as_ref().clone());
                }
                Change::DropRule(name) => {
                    let at = position(altered.rules.iter().map(|rule| &rule.name), name, "rule", &place)?;
                    altered.rules.remove(at);
                }
                Change::Options(options) => {
                    altered.options = merged(&altered.options, options);
                    altered.settings()?;
                }
                _ => change_columns(&mut altered.columns, &altered.rules, action, &place)?,
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
                Change::DropColumn { column, .. } => {
                    let keys = [(&altered.primary_key, "PRIMARY KEY"), (&altered.partitioned_by, "PARTITIONED BY")];
                    for (names, what) in keys {
                        if names.contains(column) {
                            return Err(place.used(column, what).into());
                        }
                    }
                }
                Change::ColumnType { column, data_type_span, .. } if altered.partitioned_by.contains(column) => {
                    let message = format!("{column} is in PARTITIONED BY: its type names folders of files");
                    return Err(Place { source, span: *data_type_span }.refuse(message).into());
                }
                Change::DropNotNull(column) if altered.primary_key.contains(column) => {
                    return Err(place
                        .at(column, format!("{column} is in PRIMARY KEY, which always has a value"))
                        .into());
                }
                Change::Options(options) => {
                    altered.options = merged(&altered.options, options);
                    altered.settings()?;
                    continue;
                }
                _ => {}
            }
            change_columns(&mut altered.columns, &altered.rules, action, &place)?;
        }
        Ok(altered)
    }
}

impl CreateExternalTable {
    /// As [`CreateStream::alter`]. Nothing is read: columns and options say how files are understood.
    pub fn alter(&self, actions: &[AlterAction], source: &SourceText) -> Result<CreateExternalTable, Diagnostics> {
        let mut altered = self.clone();
        for action in actions {
            match &action.change {
                Change::Location(location) => altered.location.clone_from(location),
                Change::Options(options) => {
                    altered.options = merged(&altered.options, options);
                    altered.settings()?;
                }
                _ => change_columns(&mut altered.columns, &[], action, &Place { source, span: action.span })?,
            }
        }
        Ok(altered)
    }
}

impl CreateSource {
    /// The definition's text after these actions, which are options; `source` is the text that they stand in.
    pub fn alter(&self, actions: &[AlterAction]) -> Result<String, Diagnostics> {
        let mut altered = self.clone();
        altered.options = with_options(&self.options, actions);
        altered.settings()?;
        Ok(self.options.replaced_by(&altered.options))
    }
}

impl CreateSink {
    /// As [`CreateSource::alter`].
    pub fn alter(&self, actions: &[AlterAction]) -> Result<String, Diagnostics> {
        let mut altered = self.clone();
        altered.options = with_options(&self.options, actions);
        altered.settings()?;
        Ok(self.options.replaced_by(&altered.options))
    }
}

impl CreateAlert {
    /// As [`CreateSource::alter`].
    pub fn alter(&self, actions: &[AlterAction]) -> Result<String, Diagnostics> {
        let mut altered = self.clone();
        altered.options = with_options(&self.options, actions);
        altered.settings()?;
        Ok(self.options.exchanged_for(&altered.options))
    }
}

impl CreateMaterializedView {
    /// The definition after these actions: another query, other options.
    pub fn alter(&self, actions: &[AlterAction]) -> Result<CreateMaterializedView, Diagnostics> {
        let mut altered = self.clone();
        if let Some(query) = last_query(actions) {
            altered.query_text.clone_from(&query.text);
        }
        altered.options = with_options(&self.options, actions);
        match &altered.refresh {
            Refresh::Continuous => altered.settings().map(|_| ())?,
            Refresh::Scheduled(_) => altered.refresh_settings().map(|_| ())?,
        }
        Ok(altered)
    }
}

impl CreateView {
    /// The definition after these actions: another query.
    pub fn alter(&self, actions: &[AlterAction]) -> CreateView {
        let mut altered = self.clone();
        if let Some(query) = last_query(actions) {
            altered.query_text.clone_from(&query.text);
        }
        altered
    }
}

fn last_query(actions: &[AlterAction]) -> Option<&Query> {
    actions.iter().rev().find_map(|action| match &action.change {
        Change::Query(query) => Some(query),
        _ => None,
    })
}

fn with_options(there: &Options, actions: &[AlterAction]) -> Options {
    let changes = actions.iter().filter_map(|action| match &action.change {
        Change::Options(change) => Some(change),
        _ => None,
    });
    changes.fold(there.clone(), |options, change| merged(&options, change))
}

/// Makes an action on columns, as any relation that has its own takes it.
fn change_columns(columns: &mut Vec<Column>, rules: &[Rule], action: &AlterAction, place: &Place<'_>) -> Result<()> {
    match &action.change {
        Change::AddColumn { column, if_not_exists } => {
            let there = columns.iter().any(|there| there.name == column.name);
            if there && *if_not_exists { Ok(()) } else { add(columns, column, place) }
        }
        Change::DropColumn { column, if_exists } => {
            let there = columns.iter().any(|there| there.name == *column);
            if !there && *if_exists { Ok(()) } else { drop_column(columns, rules, column, place) }
        }
        Change::ColumnType { column, data_type, data_type_span } => {
            let at = find(columns, column, place)?;
            widen::column(&mut columns[at], data_type, &Place { source: place.source, span: *data_type_span })
        }
        Change::DropNotNull(column) => {
            let at = find(columns, column, place)?;
            columns[at].not_null = false;
            Ok(())
        }
        Change::AddRule(_)
        | Change::DropRule(_)
        | Change::Options(_)
        | Change::Query(_)
        | Change::Location(_)
        | Change::Run(_) => Err(place.refuse("it has nothing of the kind")),
    }
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
    let names = columns.iter().map(|column| &column.name);
    position(names, name, "column", place).map_err(|refused| refused.with_fault(Fault::NoColumn))
}

fn position<'a>(
    names: impl Iterator<Item = &'a Name> + Clone,
    name: &Name,
    what: &str,
    place: &Place<'_>,
) -> Result<usize> {
    names.clone().position(|there| there == name).ok_or_else(|| {
        let refused = place.at(name, format!("there is no {what} {name}"));
        match crate::nearest(&name.value, names.map(|there| there.value.as_str())) {
            Some(near) => refused.with_hint(format!("did you mean {near}?")),
            None => refused,
        }
    })
}

fn drop_column(columns: &mut Vec<Column>, rules: &[Rule], name: &Name, place: &Place<'_>) -> Result<()> {
    find(columns, name, place)?;
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
