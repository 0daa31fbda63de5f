//! The objects that a statement names, first of all the relations that its query reads.
//!
//! Names of common table expressions are not relations where they are in scope: each is seen by the
//! expressions after it, by itself and those before it only under `RECURSIVE`, and by the body of its query.

use std::ops::ControlFlow;

use headwater_sql::ast::{self, Name};
use headwater_sql::sqlparser::ast::{
    Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, Ident, ObjectName, ObjectNamePart, Query, SetExpr,
    Spanned, TableFactor, Value as SqlValue, Visit, Visitor,
};
use headwater_sql::{Options, Parsed, SourceText, Span, Statement, Value};

/// Table functions whose first argument is a relation.
const WINDOWS: [&str; 7] = ["tumble", "hop", "cumulate", "session", "ml_predict", "ml_explain", "recommend"];

/// Those whose second argument is a model.
const OF_MODELS: [&str; 3] = ["ml_predict", "ml_explain", "recommend"];

/// An object as a statement names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    /// Folded; more than one if qualified.
    pub parts: Vec<String>,
    /// In the statement's source; the whole query where the name's place is not known.
    pub span: Span,
    pub of: Use,
}

/// What an object is named for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Use {
    /// To read its rows.
    Rows,
    /// To append rows to it.
    Feed,
    /// To know what it hides.
    Secret,
    /// To reach what it leads to.
    Connection,
    /// To show it.
    Chart,
    /// To ask it.
    Model,
    /// To know what it assigns.
    Experiment,
}

/// All that a defining statement names.
pub(super) fn of_statement(parsed: &Parsed) -> Vec<Reference> {
    let source = &parsed.source;
    let one = |name: &Name, of| Reference { parts: vec![name.value.clone()], span: name.span, of };
    match &parsed.statement {
        Statement::CreateMaterializedView(view) => references(&view.query, view.query_span, source),
        Statement::CreateView(view) => references(&view.query, view.query_span, source),
        Statement::CreateTable(table) => {
            table.query.as_ref().map(|query| references(&query.query, query.span, source)).unwrap_or_default()
        }
        Statement::CreateSource(create) => {
            let into = create.into.iter().map(|into| one(into, Use::Feed));
            let (ast::Origin::Files(options) | ast::Origin::Generator(options)) = &create.from;
            into.chain(secrets(options)).collect()
        }
        Statement::CreateSink(create) => {
            let mut found = match &create.from {
                ast::SinkRows::Relation(name) => vec![one(name, Use::Rows)],
                ast::SinkRows::Query(query) => references(&query.query, query.span, source),
            };
            let options = match &create.into {
                ast::Destination::Files(options) | ast::Destination::Http(options) => options,
                ast::Destination::Connection { connection, options } => {
                    found.push(one(connection, Use::Connection));
                    options
                }
            };
            found.extend(secrets(options));
            found
        }
        Statement::CreateAlert(create) => {
            let mut found = references(&create.rows.query, create.rows.query_span, source);
            for channel in &create.notify {
                match channel {
                    ast::Notify::Webhook(options) => found.extend(secrets(options)),
                    ast::Notify::Email { connection, .. } => found.push(one(connection, Use::Connection)),
                    ast::Notify::Log => {}
                }
            }
            found
        }
        Statement::CreateFeatureView(create) => references(&create.rows.query, create.rows.query_span, source),
        Statement::CreateModel(create) => match &create.from {
            ast::Learned::Rows(training) => references(&training.query.query, training.query.span, source),
            ast::Learned::Onnx(options) => secrets(options),
        },
        Statement::CreateExpectations(create) => {
            let views = create.when.before_refresh_of.iter().map(|view| one(view, Use::Rows));
            std::iter::once(one(&create.relation, Use::Rows)).chain(views).collect()
        }
        Statement::CreateExperiment(create) => {
            let exposures = create.exposures.iter().map(|exposures| one(&exposures.from, Use::Rows));
            exposures.chain(create.metrics.iter().map(|metric| one(&metric.from, Use::Rows))).collect()
        }
        Statement::CreateConnection(create) => secrets(&create.options),
        Statement::CreateChart(create) => match &create.from {
            ast::ChartRows::Relation(name) => {
                let parts = name.schema.iter().chain([&name.name]).map(|part| part.value.clone()).collect();
                vec![Reference { parts, span: name.span(), of: Use::Rows }]
            }
            ast::ChartRows::Query(query) => references(&query.query, query.span, source),
        },
        Statement::CreateDashboard(create) => {
            create.rows.iter().flat_map(|row| &row.charts).map(|placed| one(&placed.chart, Use::Chart)).collect()
        }
        Statement::CreateExternalTable(create) => secrets(&create.options),
        _ => Vec::new(),
    }
}

/// The secrets that options name, lists within included.
fn secrets(options: &Options) -> Vec<Reference> {
    let of = |entry: &headwater_sql::options::Entry| match &entry.value {
        Value::Secret(name) => {
            vec![Reference { parts: vec![name.value.clone()], span: name.span, of: Use::Secret }]
        }
        Value::List(inner) => secrets(inner),
        _ => Vec::new(),
    };
    options.entries().iter().flat_map(of).collect()
}

/// In the order written; a relation that is read twice is there twice.
pub fn references(query: &Query, span: Span, source: &SourceText) -> Vec<Reference> {
    let mut search = Search { source, whole: span, scopes: Vec::new(), found: Vec::new() };
    let _ = query.visit(&mut search);
    search.found
}

struct Search<'a> {
    source: &'a SourceText,
    whole: Span,
    scopes: Vec<Scope>,
    found: Vec<Reference>,
}

/// A query that is being walked through.
struct Scope {
    /// Common table expressions that can be named now.
    visible: Vec<String>,
    /// Those that become visible once their query is left; queries are told apart by address.
    coming: Vec<(*const Query, String)>,
}

impl Search<'_> {
    fn reference(&mut self, name: &[Ident]) {
        let parts: Vec<String> = name.iter().map(|part| Name::fold(&part.value, part.quote_style.is_some())).collect();
        let span = name.iter().map(|part| part.span).reduce(|one, two| one.union(&two));
        let span = span.and_then(|span| self.source.engine_span(span)).unwrap_or(self.whole);
        self.add(Reference { parts, span, of: Use::Rows });
    }

    fn add(&mut self, reference: Reference) {
        let local = match &reference.parts[..] {
            [name] => self.scopes.iter().any(|scope| scope.visible.contains(name)),
            _ => false,
        };
        if !local {
            self.found.push(reference);
        }
    }

    fn function<'a>(&mut self, name: &ObjectName, arguments: &'a [FunctionArg]) {
        let window = match &name.0[..] {
            [ObjectNamePart::Identifier(name)] => WINDOWS.contains(&name.value.to_ascii_lowercase().as_str()),
            _ => false,
        };
        let expr = |argument: Option<&'a FunctionArg>| match argument {
            Some(
                FunctionArg::Unnamed(FunctionArgExpr::Expr(expr))
                | FunctionArg::Named { arg: FunctionArgExpr::Expr(expr), .. }
                | FunctionArg::ExprNamed { arg: FunctionArgExpr::Expr(expr), .. },
            ) => Some(expr),
            _ => None,
        };
        if let [ObjectNamePart::Identifier(name)] = &name.0[..]
            && OF_MODELS.contains(&name.value.to_ascii_lowercase().as_str())
            && let Some(Expr::Identifier(model)) = expr(arguments.get(1))
        {
            let span = self.source.engine_span(model.span).unwrap_or(self.whole);
            let parts = vec![Name::fold(&model.value, model.quote_style.is_some())];
            self.found.push(Reference { parts, span, of: Use::Model });
        }
        let Some(first) = expr(arguments.first()) else { return };
        match first {
            Expr::Identifier(name) if window => self.reference(std::slice::from_ref(name)),
            Expr::CompoundIdentifier(name) if window => self.reference(name),
            _ => {}
        }
    }

    /// `ASSIGN('experiment', unit)`; what is no text there is refused when it is planned.
    fn assigning(&mut self, function: &Function) {
        let [ObjectNamePart::Identifier(name)] = &function.name.0[..] else { return };
        let FunctionArguments::List(list) = &function.args else { return };
        let Some(FunctionArg::Unnamed(FunctionArgExpr::Expr(Expr::Value(first)))) = list.args.first() else { return };
        if let SqlValue::SingleQuotedString(experiment) = &first.value
            && name.value.eq_ignore_ascii_case("assign")
        {
            let span = self.source.engine_span(first.span()).unwrap_or(self.whole);
            self.found.push(Reference { parts: vec![experiment.clone()], span, of: Use::Experiment });
        }
    }

    /// `TABLE name` has no place and no quotes in sqlparser's tree.
    fn table_commands(&mut self, body: &SetExpr) {
        match body {
            SetExpr::Table(table) => {
                let parts = table.schema_name.iter().chain(&table.table_name);
                let parts = parts.map(|part| Name::fold(part, false)).collect();
                self.add(Reference { parts, span: self.whole, of: Use::Rows });
            }
            SetExpr::SetOperation { left, right, .. } => {
                self.table_commands(left);
                self.table_commands(right);
            }
            _ => {}
        }
    }
}

impl Visitor for Search<'_> {
    type Break = ();

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        let mut scope = Scope { visible: Vec::new(), coming: Vec::new() };
        if let Some(with) = &query.with {
            for cte in &with.cte_tables {
                let name = Name::fold(&cte.alias.name.value, cte.alias.name.quote_style.is_some());
                if with.recursive {
                    scope.visible.push(name);
                } else {
                    scope.coming.push((&raw const *cte.query, name));
                }
            }
        }
        self.scopes.push(scope);
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        // All of its own expressions are visible by now, which is what the body sees.
        self.table_commands(&query.body);
        self.scopes.pop();
        if let Some(outer) = self.scopes.last_mut()
            && let Some(at) = outer.coming.iter().position(|(coming, _)| std::ptr::eq(*coming, query))
        {
            let (_, name) = outer.coming.remove(at);
            outer.visible.push(name);
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
        if let Expr::Function(function) = expr {
            self.assigning(function);
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> ControlFlow<()> {
        match factor {
            TableFactor::Table { name, args: Some(arguments), .. } => self.function(name, &arguments.args),
            TableFactor::Function { name, args, .. } => self.function(name, args),
            TableFactor::Table { name, args: None, .. } => {
                let parts: Vec<Ident> = name.0.iter().filter_map(|part| part.as_ident().cloned()).collect();
                self.reference(&parts);
            }
            _ => {}
        }
        ControlFlow::Continue(())
    }
}
