//! The DataFusion session that everything here plans and runs with: types, functions and settings of the language.

use std::sync::{Arc, LazyLock};

use datafusion::execution::SessionState;
use datafusion::execution::SessionStateBuilder;
use datafusion::execution::context::SessionConfig;
use datafusion::execution::runtime_env::{RuntimeEnv, RuntimeEnvBuilder};
use datafusion::logical_expr::execution_props::ExecutionProps;

use crate::asof::planner::Planner;
use crate::plan::analysis::query_analysis;
use crate::plan::simplify::query_rules;
use crate::relation::UTC;
use crate::sqltype::Casts;
use crate::window::relation::Windows;

/// The settings of the language, the same for planning views and for running queries.
pub fn config() -> SessionConfig {
    let mut config = SessionConfig::new().with_information_schema(false);
    let options = config.options_mut();
    options.execution.time_zone = Some(UTC.to_owned());
    options.sql_parser.collect_spans = true;
    // A literal such as 0.1 is a DECIMAL, as in PostgreSQL, so that decimals stay exact beside it.
    options.sql_parser.parse_float_as_decimal = true;
    options.sql_parser.map_string_types_to_utf8view = true;
    // IS TRUE, IS UNKNOWN and their like are never NULL in a logical plan and may be in a physical one (DataFusion 55):
    // as keys of a GROUP BY they would be refused as an internal error.
    options.execution.skip_physical_aggregate_schema_check = true;
    config
}

/// A session state with the language's functions and planners. `props` carries the time that `now()` gives.
pub fn state(config: SessionConfig, runtime: Arc<RuntimeEnv>, props: ExecutionProps) -> SessionState {
    let mut state = SessionStateBuilder::new()
        .with_config(config)
        .with_runtime_env(runtime)
        .with_execution_props(props)
        .with_default_features()
        .with_analyzer_rules(query_analysis())
        .with_optimizer_rules(query_rules())
        .with_query_planner(Arc::new(Planner))
        .with_type_planner(Arc::new(Casts))
        .with_relation_planners(vec![Arc::new(Windows)]);
    if let Some(functions) = state.scalar_functions() {
        functions.extend(crate::window::functions::all());
        functions.push(crate::asof::matches());
    }
    if let Some(functions) = state.aggregate_functions() {
        functions.push(crate::sketch::approx_top_k());
    }
    let mut state = state.build();
    if let Err(error) = crate::json::register(&mut state) {
        // A session registers whatever it is given; one that does not is a DataFusion that we don't know.
        tracing::error!(%error, "the functions of JSON are missing");
    }
    state
}

/// For planning alone: without a clock, so that nothing that depends on the time of planning can be folded.
pub fn planning() -> &'static SessionState {
    static STATE: LazyLock<SessionState> =
        LazyLock::new(|| state(config().with_target_partitions(1), planning_runtime(), ExecutionProps::new()));
    &STATE
}

/// Files that are looked at while planning come and go: no list of them is kept.
fn planning_runtime() -> Arc<RuntimeEnv> {
    RuntimeEnvBuilder::new().with_object_list_cache_limit(0).build_arc().unwrap_or_default()
}
