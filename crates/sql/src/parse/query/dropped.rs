//! Clauses that sqlparser reads and DataFusion's planner passes over in silence.
//!
//! A query that says more than is done would give wrong rows; it is refused with the clause's name.

use std::ops::ControlFlow;

use sqlparser::ast::{Query, Select, SetExpr, Spanned, TableFactor, TableSampleKind, TableVersion, Visit, Visitor};

use crate::{Diagnostic, Fault, SourceText, Span};

/// Every refused clause of a query, or of queries in an expression, that stands at `span`.
pub(super) fn refuse(query: &impl Visit, span: Span, source: &SourceText) -> Vec<Diagnostic> {
    let mut search = Search { source, whole: span, found: Vec::new() };
    let _ = query.visit(&mut search);
    search.found
}

struct Search<'a> {
    source: &'a SourceText,
    whole: Span,
    found: Vec<Diagnostic>,
}

impl Search<'_> {
    fn refuse(&mut self, what: &str, at: &impl Spanned) {
        let span = self.source.engine_span(at.span()).unwrap_or(self.whole);
        let refused = Diagnostic::new(self.source.clone(), span, format!("{what} is not built yet"));
        self.found.push(refused.with_fault(Fault::NotBuilt));
    }

    fn query(&mut self, query: &Query) {
        if !query.locks.is_empty() {
            self.refuse("FOR UPDATE and FOR SHARE", query);
        }
        if query.for_clause.is_some() {
            self.refuse("FOR XML, FOR JSON and FOR BROWSE", query);
        }
        if query.settings.is_some() {
            self.refuse("SETTINGS", query);
        }
        if query.format_clause.is_some() {
            self.refuse("FORMAT", query);
        }
        match &*query.body {
            SetExpr::Insert(statement) => self.refuse("INSERT", statement),
            SetExpr::Update(statement) => self.refuse("UPDATE", statement),
            SetExpr::Delete(statement) => self.refuse("DELETE", statement),
            SetExpr::Merge(statement) => self.refuse("MERGE", statement),
            _ => {}
        }
    }

    fn select(&mut self, select: &Select) {
        let clauses = [
            ("SELECT INTO", select.into.is_some()),
            ("TOP", select.top.is_some()),
            ("LATERAL VIEW", !select.lateral_views.is_empty()),
            ("PREWHERE", select.prewhere.is_some()),
            ("CONNECT BY", !select.connect_by.is_empty()),
            ("CLUSTER BY", !select.cluster_by.is_empty()),
            ("DISTRIBUTE BY", !select.distribute_by.is_empty()),
            ("SORT BY", !select.sort_by.is_empty()),
            ("SELECT AS STRUCT or VALUE", select.value_table_mode.is_some()),
        ];
        for (what, stands) in clauses {
            if stands {
                self.refuse(what, select);
            }
        }
    }

    fn sample(&mut self, sample: &Option<TableSampleKind>, at: &TableFactor) {
        if sample.is_some() {
            self.refuse("TABLESAMPLE", at);
        }
    }
}

impl Visitor for Search<'_> {
    type Break = ();

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        self.query(query);
        ControlFlow::Continue(())
    }

    fn pre_visit_select(&mut self, select: &Select) -> ControlFlow<()> {
        self.select(select);
        ControlFlow::Continue(())
    }

    fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> ControlFlow<()> {
        match factor {
            TableFactor::Table {
                with_hints,
                version,
                with_ordinality,
                partitions,
                json_path,
                sample,
                index_hints,
                ..
            } => {
                self.sample(sample, factor);
                let clauses = [
                    ("VERSION AS OF", !matches!(version, None | Some(TableVersion::ForSystemTimeAsOf(_)))),
                    ("WITH (…) after a table", !with_hints.is_empty()),
                    ("WITH ORDINALITY", *with_ordinality),
                    ("PARTITION (…) after a table", !partitions.is_empty()),
                    ("a path into a table", json_path.is_some()),
                    ("USE INDEX", !index_hints.is_empty()),
                ];
                for (what, stands) in clauses {
                    if stands {
                        self.refuse(what, factor);
                    }
                }
            }
            TableFactor::Derived { sample, .. } => self.sample(sample, factor),
            _ => {}
        }
        ControlFlow::Continue(())
    }
}
