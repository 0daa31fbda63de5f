//! The names that a statement can use, as DataFusion's planner asks for them.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::datatypes::{DataType, FieldRef, SchemaRef};
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{Result, TableReference, plan_err};
use datafusion::datasource::{cte_worktable::CteWorkTable, provider_as_source};
use datafusion::execution::SessionState;
use datafusion::logical_expr::planner::{ContextProvider, ExprPlanner, RelationPlanner, TypePlanner};
use datafusion::logical_expr::{AggregateUDF, Expr, HigherOrderUDF, LogicalPlan, ScalarUDF, TableSource, WindowUDF};
use datafusion::sql::planner::{NullOrdering, ParserOptions, PlannerContext, SqlToRel};
use headwater_sql::Fault;
use sqlparser::ast::{Expr as SqlExpr, Query, Statement};

use super::refusal::Refusal;
use crate::asof::rewrite;
use crate::model::{self, Model};
use crate::relation::{self, FeatureView, Relation, Relations, SYSTEM};
use crate::window::group;

/// The relations of a statement.
pub trait Tables {
    fn table(&self, name: &TableReference) -> Option<Arc<dyn TableSource>>;

    /// All names, as a user writes them, for hints.
    fn names(&self) -> Vec<String>;

    /// The column with the event time of a relation, which is the time of its versions.
    fn event_time(&self, name: &TableReference) -> Option<String>;

    /// What a name means that is a feature view's.
    fn feature_view(&self, name: &TableReference) -> Option<Arc<FeatureView>>;

    fn model(&self, name: &str) -> Option<Arc<Model>>;

    /// The names of all models.
    fn models(&self) -> Vec<String>;

    /// A function that declared objects give.
    fn function(&self, name: &str) -> Option<Arc<ScalarUDF>>;
}

/// What a scan of a stream or view reads, in plans that are not run by DataFusion. It takes no filters: they stay in
/// the plan as nodes of their own.
#[derive(Debug)]
pub struct RelationSource {
    pub relation: Relation,
}

impl TableSource for RelationSource {
    fn schema(&self) -> SchemaRef {
        Arc::clone(self.relation.schema())
    }

    /// A view that is a name for its query is that query.
    fn get_logical_plan(&self) -> Option<Cow<'_, LogicalPlan>> {
        match &self.relation {
            Relation::PlainView(view) => Some(Cow::Borrowed(&view.plan)),
            _ => None,
        }
    }
}

/// What a scan of a relation under [`SYSTEM`] reads, in plans that are kept: who runs one puts the rows of the moment in
/// its place.
#[derive(Debug)]
pub struct SystemSource {
    schema: SchemaRef,
}

impl TableSource for SystemSource {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }
}

/// What a plan reads under [`SYSTEM`], each as a user writes it.
pub fn reads_of_node(plan: &LogicalPlan) -> BTreeSet<String> {
    let mut read = BTreeSet::new();
    // The visitor can't fail.
    let _ = plan.apply_with_subqueries(|node| {
        if let LogicalPlan::TableScan(scan) = node
            && scan.source.is::<SystemSource>()
        {
            read.insert(scan.table_name.to_string());
        }
        Ok(TreeNodeRecursion::Continue)
    });
    read
}

impl Tables for Relations {
    fn table(&self, name: &TableReference) -> Option<Arc<dyn TableSource>> {
        match name {
            TableReference::Bare { table } => Some(Arc::new(RelationSource { relation: self.get(table)? })),
            TableReference::Partial { schema, table } if relation::qualified(schema, table).is_some() => {
                Some(Arc::new(RelationSource { relation: self.get(&relation::qualified(schema, table)?)? }))
            }
            TableReference::Partial { schema, table } if **schema == *SYSTEM => {
                Some(Arc::new(SystemSource { schema: SchemaRef::clone(self.system().get(&**table)?) }))
            }
            _ => None,
        }
    }

    fn names(&self) -> Vec<String> {
        let system = self.system().keys().map(|name| format!("{SYSTEM}.{name}"));
        Relations::names(self).into_iter().map(str::to_owned).chain(system).collect()
    }

    fn event_time(&self, name: &TableReference) -> Option<String> {
        if name.schema() == Some(SYSTEM) {
            return None;
        }
        let stream = self.stream(&scanned(name))?;
        Some(stream.schema.field(stream.watermark?.column).name().clone())
    }

    fn feature_view(&self, name: &TableReference) -> Option<Arc<FeatureView>> {
        match name {
            TableReference::Bare { table } => self.feature_view(table).cloned(),
            _ => None,
        }
    }

    fn model(&self, name: &str) -> Option<Arc<Model>> {
        self.model(name).cloned()
    }

    fn models(&self) -> Vec<String> {
        self.models().map(|model| model.name.clone()).collect()
    }

    fn function(&self, name: &str) -> Option<Arc<ScalarUDF>> {
        self.function(name).cloned()
    }
}

/// The relation that a scan reads, as it is known everywhere.
pub fn scanned(name: &TableReference) -> String {
    let companion = name.schema().and_then(|schema| relation::qualified(schema, name.table()));
    companion.unwrap_or_else(|| name.table().to_owned())
}

/// Plans statements over some relations with a session's functions.
pub struct Scope<'a> {
    state: &'a SessionState,
    tables: &'a dyn Tables,
}

impl<'a> Scope<'a> {
    pub fn new(state: &'a SessionState, tables: &'a dyn Tables) -> Scope<'a> {
        Scope { state, tables }
    }

    pub fn query(&self, query: Query) -> Result<LogicalPlan> {
        self.query_with(query, Vec::new())
    }

    /// A query with parameters `$1`, `$2` and so on; those without a type get one from where they stand, if they can.
    pub fn query_with(&self, mut query: Query, parameters: Vec<Option<FieldRef>>) -> Result<LogicalPlan> {
        group::rewrite(&mut query)?;
        model::rewrite::rewrite(&mut query, self.tables)?;
        rewrite::rewrite(&mut query, self.tables)?;
        let mut context = PlannerContext::new().with_prepare_param_data_types(parameters);
        self.planner().sql_statement_to_plan_with_context(Statement::Query(Box::new(query)), &mut context)
    }

    /// An expression over the columns of one relation.
    pub fn expression(&self, expr: SqlExpr, schema: &datafusion::common::DFSchema) -> Result<Expr> {
        self.planner().sql_to_expr(expr, schema, &mut PlannerContext::new())
    }

    fn planner(&self) -> SqlToRel<'_, Scope<'a>> {
        let settings = &self.state.config_options().sql_parser;
        let options = ParserOptions {
            parse_float_as_decimal: settings.parse_float_as_decimal,
            enable_ident_normalization: settings.enable_ident_normalization,
            support_varchar_with_length: false,
            enable_options_value_normalization: settings.enable_options_value_normalization,
            collect_spans: settings.collect_spans,
            map_string_types_to_utf8view: settings.map_string_types_to_utf8view,
            default_null_ordering: NullOrdering::NullsMax,
        };
        SqlToRel::new_with_options(self, options)
    }
}

impl ContextProvider for Scope<'_> {
    fn get_table_source(&self, name: TableReference) -> Result<Arc<dyn TableSource>> {
        if let Some(table) = self.tables.table(&name) {
            return Ok(table);
        }
        let names = self.tables.names();
        let refusal = Refusal::new(format!("there is no relation {name}")).fault(Fault::NoRelation);
        Err(match headwater_sql::nearest(&name.to_string(), names.iter().map(String::as_str)) {
            Some(near) => refusal.hint(format!("did you mean {near}?")),
            None => refusal,
        }
        .into())
    }

    fn get_table_function_source(&self, name: &str, args: Vec<Expr>) -> Result<Arc<dyn TableSource>> {
        let name = name.to_ascii_lowercase();
        let Some(function) = self.state.table_functions().get(&name) else {
            return Err(Refusal::new(format!("there is no table function {name}")).fault(Fault::NoFunction).into());
        };
        let args = args.iter().map(|arg| match crate::window::relation::constant(arg) {
            Some(value) => Ok(Expr::Literal(value, None)),
            None => plan_err!("the arguments of {name} must be constants"),
        });
        let args = args.collect::<Result<Vec<_>>>()?;
        let arguments = datafusion::catalog::TableFunctionArgs::new(&args, self.state);
        Ok(provider_as_source(function.create_table_provider_with_args(arguments)?))
    }

    fn create_cte_work_table(&self, name: &str, schema: SchemaRef) -> Result<Arc<dyn TableSource>> {
        Ok(provider_as_source(Arc::new(CteWorkTable::new(name, schema))))
    }

    fn get_expr_planners(&self) -> &[Arc<dyn ExprPlanner>] {
        self.state.expr_planners()
    }

    fn get_relation_planners(&self) -> &[Arc<dyn RelationPlanner>] {
        self.state.relation_planners()
    }

    fn get_type_planner(&self) -> Option<Arc<dyn TypePlanner>> {
        Some(Arc::new(crate::sqltype::Casts))
    }

    fn get_function_meta(&self, name: &str) -> Option<Arc<ScalarUDF>> {
        let of_session = self.state.scalar_functions().get(name).cloned();
        let of_session = of_session.or_else(|| self.tables.function(name));
        of_session.or_else(|| model::function(name, |model| self.tables.model(model)))
    }

    fn get_higher_order_meta(&self, name: &str) -> Option<Arc<HigherOrderUDF>> {
        self.state.higher_order_functions().get(name).cloned()
    }

    fn get_aggregate_meta(&self, name: &str) -> Option<Arc<AggregateUDF>> {
        self.state.aggregate_functions().get(name).cloned()
    }

    fn get_window_meta(&self, name: &str) -> Option<Arc<WindowUDF>> {
        self.state.window_functions().get(name).cloned()
    }

    fn get_variable_type(&self, _: &[String]) -> Option<DataType> {
        None
    }

    fn options(&self) -> &ConfigOptions {
        self.state.config_options()
    }

    fn udf_names(&self) -> Vec<String> {
        self.state.scalar_functions().keys().cloned().collect()
    }

    fn higher_order_function_names(&self) -> Vec<String> {
        self.state.higher_order_functions().keys().cloned().collect()
    }

    fn udaf_names(&self) -> Vec<String> {
        self.state.aggregate_functions().keys().cloned().collect()
    }

    fn udwf_names(&self) -> Vec<String> {
        self.state.window_functions().keys().cloned().collect()
    }
}
