//! Queries that are planned once and run often, with values for `$1`, `$2` and so on.
//!
//! The plan is kept after names and types are settled. What it scans is bound anew at each run, so that each run reads
//! the latest epoch.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, SchemaRef};
use datafusion::common::tree_node::Transformed;
use datafusion::common::{ParamValues, ScalarValue};
use datafusion::datasource::cte_worktable::CteWorkTable;
use datafusion::datasource::source_as_provider;
use datafusion::execution::SessionState;
use datafusion::logical_expr::LogicalPlan;
use futures::FutureExt;
use headwater_sql::{Diagnostic, Parsed, Statement, ast};
use sqlparser::ast::{Expr, Value, ValueWithSpan, Visit, Visitor};

use super::interrupt::Stop;
use super::lookup::direct::Direct;
use super::{QueryResult, Session, plan, start, tables};
use crate::Result;
use crate::plan::scope::Tables;
use crate::plan::{Place, diagnose};
use crate::relation::Relations;
use crate::running::task;
use crate::sqltype::column_type;

/// Parameters beyond this are none: PostgreSQL's protocol counts them in 16 bits.
const PARAMETERS_MAX: usize = 65_535;

/// A planned query, perhaps with parameters. Clones share the plan.
#[derive(Clone)]
pub struct Prepared {
    parsed: Arc<Parsed>,
    declared: Arc<[Option<DataType>]>,
    /// The type of `$1`, then of `$2`, and so on.
    pub parameters: Arc<[DataType]>,
    /// Of the rows.
    pub schema: SchemaRef,
    plan: Arc<LogicalPlan>,
    /// Where it is nothing but a lookup.
    direct: Option<Arc<Direct>>,
    /// What the plan's names mean. With other relations the text is planned again.
    relations: Arc<Relations>,
}

impl Session {
    /// Plans a query. `declared` has the types of parameters that are known before; the others get theirs from where
    /// they stand, and VARCHAR where that tells nothing.
    pub fn prepare(&self, parsed: &Parsed, declared: &[Option<DataType>]) -> Result<Prepared> {
        let (query, explain) = reads(parsed)?;
        let place = Place::new(&parsed.source, query.span);
        let state = self.state(self.sources.snapshots.as_of_us());
        let tables = tables::QueryTables::new(&self.sources, self.foreign.clone());
        let named = Placeholders::of(&query.query);
        if let Some(wrong) = named.wrong {
            let hint = "parameters are $1, $2 and so on";
            return Err(place.refuse(format!("{wrong} is not a parameter")).with_hint(hint).into());
        }
        let count = named.count.max(declared.len());
        let mut types: Vec<Option<DataType>> = declared.to_vec();
        types.resize(count, None);
        for (number, cast) in &named.casts {
            types[*number - 1].get_or_insert_with(|| cast.clone());
        }
        let fields = |types: &[Option<DataType>]| {
            let fields = types.iter().map(|each| each.clone().map(|each| Arc::new(Field::new("", each, true))));
            fields.collect::<Vec<_>>()
        };
        if types.iter().any(Option::is_none) {
            let found = infer(&state, &tables, query, fields(&types), &place)?;
            for (number, unknown) in types.iter_mut().enumerate().filter(|(_, known)| known.is_none()) {
                let found = found.get(&format!("${}", number + 1)).cloned().flatten();
                *unknown = Some(found.filter(|found| found != &DataType::Null).unwrap_or(DataType::Utf8View));
            }
        }
        let plan = plan(&state, &tables, query, explain, fields(&types), &place)?;
        Ok(Prepared {
            parsed: Arc::new(parsed.clone()),
            declared: declared.into(),
            parameters: types.into_iter().flatten().collect(),
            schema: Arc::new(plan.schema().as_arrow().clone()),
            direct: Direct::of(&plan).map(Arc::new),
            plan: Arc::new(plan),
            relations: Arc::clone(&self.sources.relations),
        })
    }

    /// Runs it with one value for each parameter, of the parameter's type. A lookup of one key is no query that others
    /// are told of: it is over before they could look.
    pub async fn run_prepared(&self, prepared: &Prepared, values: Vec<ScalarValue>) -> Result<QueryResult> {
        if values.len() == prepared.parameters.len()
            && let Some(direct) = &prepared.direct
            && Arc::ptr_eq(&prepared.relations, &self.sources.relations)
            && let Some(found) = direct.find(self.sources.snapshots.as_ref(), &values)?
        {
            return Ok(found);
        }
        match self.let_in(&prepared.parsed)? {
            None => Box::pin(self.start_prepared(prepared, values, None)).await,
            Some(query) => {
                let (session, prepared, stop) = (self.clone(), prepared.clone(), Arc::clone(query.stop()));
                let work = async move { session.start_prepared(&prepared, values, Some(&stop)).await };
                task::run(query, self.threads.as_ref(), work.boxed()).await
            }
        }
    }

    async fn start_prepared(
        &self,
        prepared: &Prepared,
        values: Vec<ScalarValue>,
        stop: Option<&Stop>,
    ) -> Result<QueryResult> {
        let renewed = self.renewed(prepared)?;
        let prepared = renewed.as_ref().unwrap_or(prepared);
        let (query, _) = reads(&prepared.parsed)?;
        let place = Place::new(&prepared.parsed.source, query.span);
        if values.len() != prepared.parameters.len() {
            let message = format!("{} parameters need values, {} came", prepared.parameters.len(), values.len());
            return Err(place.refuse(message).into());
        }
        let tables = tables::QueryTables::new(&self.sources, self.foreign.clone());
        let state = self.state(tables.as_of_us());
        let mut plan = bind((*prepared.plan).clone(), &tables).map_err(|error| diagnose::planning(&error, &place))?;
        if !values.is_empty() {
            let values = ParamValues::from(values);
            plan = plan.replace_params_with_values(&values).map_err(|error| diagnose::planning(&error, &place))?;
        }
        start(&state, &tables, &plan, stop, &place).await
    }

    /// Where the relations have changed since it was planned, the same query over those of now. Running it without
    /// asking gives the same rows, but plans anew each time.
    pub fn renewed(&self, prepared: &Prepared) -> Result<Option<Prepared>> {
        let same = Arc::ptr_eq(&prepared.relations, &self.sources.relations);
        if same { Ok(None) } else { self.renew(prepared).map(Some) }
    }

    /// Its rows must still look as its owner was told.
    fn renew(&self, prepared: &Prepared) -> Result<Prepared> {
        let renewed = self.prepare(&prepared.parsed, &prepared.declared)?;
        let types = |schema: &SchemaRef| {
            schema.fields().iter().map(|each| (each.name().clone(), each.data_type().clone())).collect::<Vec<_>>()
        };
        if types(&renewed.schema) == types(&prepared.schema) && renewed.parameters == prepared.parameters {
            return Ok(renewed);
        }
        let parsed = &prepared.parsed;
        let changed = "the relations of this prepared query have changed, and its rows or parameters with them";
        let refused = Diagnostic::new(parsed.source.clone(), parsed.span, changed);
        Err(refused.with_hint("prepare it again").into())
    }
}

impl Prepared {
    /// Whether it finds one row by its key, so that runs make no plan.
    pub fn is_lookup(&self) -> bool {
        self.direct.is_some()
    }
}

/// The query of a statement that reads.
fn reads(parsed: &Parsed) -> Result<(&ast::Query, Option<&ast::Explain>)> {
    match &parsed.statement {
        Statement::Query(query) => Ok((query, None)),
        Statement::Explain(explain) => Ok((&explain.query, Some(explain))),
        other => {
            let message = format!("{} is not a query", other.words());
            Err(Diagnostic::new(parsed.source.clone(), parsed.span, message).into())
        }
    }
}

fn infer(
    state: &SessionState,
    tables: &tables::QueryTables,
    query: &ast::Query,
    fields: Vec<Option<Arc<Field>>>,
    place: &Place<'_>,
) -> Result<HashMap<String, Option<DataType>>> {
    let planned = crate::plan::scope::Scope::new(state, tables)
        .query_with((*query.query).clone(), fields)
        .and_then(|plan| plan.get_parameter_types());
    planned.map_err(|error| diagnose::planning(&error, place))
}

/// Puts the relations of a read point where those of planning stood.
fn bind(plan: LogicalPlan, tables: &tables::QueryTables) -> datafusion::common::Result<LogicalPlan> {
    let bound = plan.transform_down_with_subqueries(|node| {
        let LogicalPlan::TableScan(mut scan) = node else { return Ok(Transformed::no(node)) };
        if source_as_provider(&scan.source).is_ok_and(|provider| provider.downcast_ref::<CteWorkTable>().is_some()) {
            return Ok(Transformed::no(LogicalPlan::TableScan(scan)));
        }
        match tables.table(&scan.table_name) {
            Some(source) => {
                scan.source = source;
                Ok(Transformed::yes(LogicalPlan::TableScan(scan)))
            }
            None => Ok(Transformed::no(LogicalPlan::TableScan(scan))),
        }
    })?;
    Ok(bound.data)
}

/// The parameters that a text names.
#[derive(Default)]
struct Placeholders {
    /// The highest number.
    count: usize,
    /// Types that parameters are cast to.
    casts: HashMap<usize, DataType>,
    /// A placeholder that is not a number from 1.
    wrong: Option<String>,
}

impl Placeholders {
    fn of(query: &sqlparser::ast::Query) -> Placeholders {
        let mut found = Placeholders::default();
        let _ = query.visit(&mut found);
        found
    }

    fn note(&mut self, text: &str) -> Option<usize> {
        let number = text.strip_prefix('$').and_then(|digits| digits.parse::<usize>().ok());
        match number.filter(|number| (1..=PARAMETERS_MAX).contains(number)) {
            Some(number) => {
                self.count = self.count.max(number);
                Some(number)
            }
            None => {
                self.wrong.get_or_insert_with(|| text.to_owned());
                None
            }
        }
    }
}

impl Visitor for Placeholders {
    type Break = ();

    fn pre_visit_value(&mut self, value: &ValueWithSpan) -> ControlFlow<()> {
        if let Value::Placeholder(text) = &value.value {
            self.note(text);
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
        if let Expr::Cast { expr, data_type, .. } = expr
            && let Expr::Value(value) = expr.as_ref()
            && let Value::Placeholder(text) = &value.value
            && let Some(number) = self.note(text)
            && let Ok(Some(arrow)) = column_type(data_type)
        {
            self.casts.entry(number).or_insert(arrow);
        }
        ControlFlow::Continue(())
    }
}
