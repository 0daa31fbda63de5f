//! The relations under `system.`: their names and columns, so that statements can be planned over them. Who runs the node
//! gives their rows. `docs/sql/system.md` says what they mean.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use headwater_query::relation::timestamp_type;
use headwater_stream::letter;

pub const DEAD_LETTERS: &str = "dead_letters";
pub const STREAMS: &str = "streams";
pub const PARTITIONS: &str = "partitions";
pub const VIEWS: &str = "views";
pub const OPERATORS: &str = "operators";
pub const CHECKPOINTS: &str = "checkpoints";
pub const RULES: &str = "rules";
pub const RELATIONS: &str = "relations";
pub const COLUMNS: &str = "columns";
pub const LINEAGE: &str = "lineage";
pub const CHANGES: &str = "changes";
pub const REPLAYS: &str = "replays";
pub const QUERIES: &str = "queries";
pub const METRICS: &str = "metrics";
pub const SINKS: &str = "sinks";
pub const SOURCES: &str = "sources";
pub const USERS: &str = "users";
pub const RUNS: &str = "runs";
pub const SCHEDULES: &str = "schedules";
pub const ALERTS: &str = "alerts";
pub const NOTIFICATIONS: &str = "notifications";
pub const CHARTS: &str = "charts";
pub const DASHBOARDS: &str = "dashboards";
pub const VERSIONS: &str = "versions";
pub const EXPECTATIONS: &str = "expectations";
pub const EXPECTATION_RESULTS: &str = "expectation_results";
pub const FEATURE_VIEWS: &str = "feature_views";
pub const FEATURE_DIFFERENCES: &str = "feature_differences";
pub const MODELS: &str = "models";
pub const MODEL_VERSIONS: &str = "model_versions";
pub const MODEL_METRICS: &str = "model_metrics";
pub const MODEL_DRIFT: &str = "model_drift";
pub const EXPERIMENTS: &str = "experiments";
pub const EXPERIMENT_RESULTS: &str = "experiment_results";

const ALL: [&str; 34] = [
    DEAD_LETTERS,
    STREAMS,
    PARTITIONS,
    VIEWS,
    OPERATORS,
    CHECKPOINTS,
    RULES,
    RELATIONS,
    COLUMNS,
    LINEAGE,
    CHANGES,
    REPLAYS,
    QUERIES,
    METRICS,
    SINKS,
    SOURCES,
    USERS,
    RUNS,
    SCHEDULES,
    ALERTS,
    NOTIFICATIONS,
    CHARTS,
    DASHBOARDS,
    VERSIONS,
    EXPECTATIONS,
    EXPECTATION_RESULTS,
    FEATURE_VIEWS,
    FEATURE_DIFFERENCES,
    MODELS,
    MODEL_VERSIONS,
    MODEL_METRICS,
    MODEL_DRIFT,
    EXPERIMENTS,
    EXPERIMENT_RESULTS,
];

static RELATIONS_OF_A_NODE: LazyLock<Arc<BTreeMap<String, SchemaRef>>> =
    LazyLock::new(|| Arc::new(ALL.iter().map(|name| ((*name).to_owned(), schema(name))).collect()));

/// All of them, by name.
pub fn relations() -> Arc<BTreeMap<String, SchemaRef>> {
    Arc::clone(&RELATIONS_OF_A_NODE)
}

/// The columns of one of the relations; none for another name.
pub fn schema(table: &str) -> SchemaRef {
    let fields = of_what_flows(table)
        .or_else(|| of_alerts(table))
        .or_else(|| of_what_is_declared(table))
        .or_else(|| of_what_happened(table))
        .or_else(|| of_what_is_expected(table))
        .or_else(|| of_features(table))
        .or_else(|| of_models(table))
        .or_else(|| of_experiments(table));
    Arc::new(Schema::new(fields.unwrap_or_default()))
}

fn field(name: &str, data_type: DataType) -> Field {
    Field::new(name, data_type, true)
}

fn text(name: &str) -> Field {
    field(name, DataType::Utf8View)
}

fn number(name: &str) -> Field {
    field(name, DataType::Int64)
}

/// Streams, views and what brings rows in and out.
fn of_what_flows(table: &str) -> Option<Vec<Field>> {
    Some(match table {
        DEAD_LETTERS => {
            let stored = letter::schema();
            let mut fields = vec![number("letter")];
            fields.extend(stored.fields().iter().map(|field| field.as_ref().clone()));
            fields.push(field("replayed_at", timestamp_type()));
            fields
        }
        STREAMS => vec![
            text("name"),
            field("partitions", DataType::Int32),
            number("rows_since_start"),
            number("lag"),
            field("backpressure_ms", DataType::Float64),
        ],
        PARTITIONS => vec![
            text("stream"),
            field("partition_id", DataType::Int32),
            number("first_offset"),
            number("next_offset"),
            number("stable_offset"),
            field("watermark", timestamp_type()),
            field("idle", DataType::Boolean),
            text("stopped"),
        ],
        VIEWS => vec![
            text("name"),
            text("kind"),
            number("rows"),
            number("bytes"),
            text("stopped"),
            field("paused", DataType::Boolean),
        ],
        OPERATORS => vec![
            text("name"),
            number("rows_since_start"),
            field("busy_ms", DataType::Float64),
            number("groups"),
            number("state_bytes"),
        ],
        SINKS => vec![text("name"), text("state"), number("rows_since_start"), number("lag"), text("failure")],
        SOURCES => vec![text("name"), text("state"), number("rows_since_start"), text("at"), text("failure")],
        _ => return None,
    })
}

/// Incidents, and who was told of them.
fn of_alerts(table: &str) -> Option<Vec<Field>> {
    Some(match table {
        ALERTS => vec![
            text("alert"),
            number("incident"),
            text("labels"),
            text("state"),
            field("event_at", timestamp_type()),
            field("ended_at", timestamp_type()),
            field("fired_at", timestamp_type()),
            field("resolved_at", timestamp_type()),
            text("message"),
            number("rows"),
        ],
        NOTIFICATIONS => vec![
            text("alert"),
            number("incident"),
            text("labels"),
            text("channel"),
            text("kind"),
            text("state"),
            field("attempts", DataType::Int32),
            text("error"),
            field("created_at", timestamp_type()),
            field("sent_at", timestamp_type()),
        ],
        _ => return None,
    })
}

/// What the catalog and the users' list have.
fn of_what_is_declared(table: &str) -> Option<Vec<Field>> {
    Some(match table {
        RELATIONS => {
            vec![text("name"), text("kind"), text("owner"), text("definition"), number("version"), text("comment")]
        }
        COLUMNS => vec![
            text("relation"),
            field("position", DataType::Int32),
            text("name"),
            text("type"),
            field("nullable", DataType::Boolean),
            text("comment"),
        ],
        LINEAGE => vec![text("relation"), text("depends_on")],
        CHARTS => {
            let named = ["name", "kind", "title", "query", "options", "columns", "relations"];
            named.into_iter().map(text).collect()
        }
        DASHBOARDS => vec![text("name"), text("title"), text("layout"), text("options")],
        VERSIONS => vec![text("relation"), text("version")],
        USERS => vec![text("name"), field("password_changed_at", timestamp_type())],
        RULES => vec![text("relation"), text("rule"), text("condition"), text("on_violation"), number("violations")],
        _ => return None,
    })
}

/// What has a time of its own.
fn of_what_happened(table: &str) -> Option<Vec<Field>> {
    Some(match table {
        CHANGES => vec![number("version"), field("changed_at", timestamp_type()), text("step")],
        REPLAYS => vec![
            text("view"),
            text("state"),
            number("rows_done"),
            number("rows_total"),
            field("started_at", timestamp_type()),
            field("took_ms", DataType::Float64),
            text("failure"),
        ],
        METRICS => {
            vec![field("at", timestamp_type()), text("relation"), text("metric"), field("value", DataType::Float64)]
        }
        QUERIES => vec![
            number("id"),
            text("text"),
            text("door"),
            text("user"),
            text("state"),
            field("started_at", timestamp_type()),
            field("duration_ms", DataType::Float64),
            number("rows"),
            text("error"),
        ],
        CHECKPOINTS => vec![
            number("number"),
            field("taken_at", timestamp_type()),
            field("age_ms", DataType::Float64),
            field("duration_ms", DataType::Float64),
            number("bytes"),
        ],
        RUNS => vec![
            number("run_id"),
            text("object"),
            text("kind"),
            text("cause"),
            text("state"),
            field("attempt", DataType::Int32),
            field("due_at", timestamp_type()),
            field("started_at", timestamp_type()),
            field("ended_at", timestamp_type()),
            number("rows"),
            number("bytes"),
            field("cpu_ms", DataType::Float64),
            text("error"),
            text("inputs"),
            number("output_version"),
            text("messages"),
        ],
        SCHEDULES => vec![
            text("object"),
            text("kind"),
            text("schedule"),
            field("next_due_at", timestamp_type()),
            number("last_run_id"),
            text("last_state"),
            text("pool"),
        ],
        _ => return None,
    })
}

/// What is expected of relations, and what came of it.
fn of_what_is_expected(table: &str) -> Option<Vec<Field>> {
    Some(match table {
        EXPECTATIONS => vec![
            text("suite"),
            text("relation"),
            number("position"),
            text("expectation"),
            text("column_name"),
            text("arguments"),
            text("severity"),
            field("mostly", DataType::Float64),
            text("schedule"),
            text("before_refresh_of"),
            field("each_checkpoint", DataType::Boolean),
        ],
        EXPECTATION_RESULTS => vec![
            number("run_id"),
            text("suite"),
            text("relation"),
            text("expectation"),
            text("column_name"),
            text("arguments"),
            text("severity"),
            field("success", DataType::Boolean),
            number("element_count"),
            number("missing_count"),
            number("unexpected_count"),
            field("unexpected_percent", DataType::Float64),
            text("observed_value"),
            text("samples"),
            field("score", DataType::Float64),
            field("checked_at", timestamp_type()),
        ],
        _ => return None,
    })
}

/// What is known of entities, and whether what is served is what is learnt from.
fn of_features(table: &str) -> Option<Vec<Field>> {
    Some(match table {
        FEATURE_VIEWS => vec![
            text("feature_view"),
            text("entity"),
            text("mode"),
            text("schedule"),
            text("ttl"),
            number("entities"),
            field("newest_at", timestamp_type()),
            field("lag", DataType::Float64),
            field("compared_at", timestamp_type()),
            number("compared"),
            number("different"),
            text("error"),
        ],
        FEATURE_DIFFERENCES => vec![
            text("feature_view"),
            text("feature"),
            number("compared"),
            number("different"),
            field("largest", DataType::Float64),
            text("entity"),
            text("online"),
            text("offline"),
            field("found_at", timestamp_type()),
        ],
        _ => return None,
    })
}

/// Models, their versions, and what they score.
fn of_models(table: &str) -> Option<Vec<Field>> {
    Some(match table {
        MODELS => vec![
            text("name"),
            text("method"),
            text("predicts"),
            text("state"),
            number("champion"),
            number("challenger"),
            field("trained_at", timestamp_type()),
            text("frozen"),
            text("schedule"),
            text("inputs"),
        ],
        MODEL_VERSIONS => vec![
            text("model"),
            number("version"),
            text("role"),
            field("trained_at", timestamp_type()),
            field("took_ms", DataType::Float64),
            number("rows"),
            number("test_rows"),
            number("bytes"),
            text("importances"),
            text("inputs"),
            number("run_id"),
            field("promoted_at", timestamp_type()),
            text("promoted_for"),
        ],
        MODEL_METRICS => {
            vec![
                text("model"),
                number("version"),
                text("metric"),
                field("value", DataType::Float64),
                field("trained_at", timestamp_type()),
            ]
        }
        MODEL_DRIFT => vec![
            text("model"),
            number("version"),
            text("feature"),
            field("psi", DataType::Float64),
            field("ks_statistic", DataType::Float64),
            field("ks_p_value", DataType::Float64),
            number("training_rows"),
            number("rows"),
        ],
        _ => return None,
    })
}

/// Who is drawn into what, and what came of it.
fn of_experiments(table: &str) -> Option<Vec<Field>> {
    let float = |name: &&str| field(name, DataType::Float64);
    Some(match table {
        EXPERIMENTS => vec![
            text("experiment"),
            text("unit"),
            text("variants"),
            text("salt"),
            text("exposures"),
            text("schedule"),
            text("state"),
            number("units"),
            number("mixed_units"),
            number("forced_units"),
            number("unknown_rows"),
            field("sample_ratio_p_value", DataType::Float64),
            field("analysed_at", timestamp_type()),
            text("invalid"),
        ],
        EXPERIMENT_RESULTS => {
            let mut fields = vec![text("experiment"), number("run_id"), field("analysed_at", timestamp_type())];
            fields.extend(["metric", "kind", "variant"].map(text));
            fields.push(number("units"));
            fields.push(field("mean", DataType::Float64));
            fields.push(text("method"));
            fields.extend(FIGURES.iter().map(float));
            fields.extend(["verdict", "invalid"].map(text));
            fields
        }
        _ => return None,
    })
}

/// Of a variant against the control, in the order of the columns.
const FIGURES: [&str; 26] = [
    "difference",
    "low",
    "high",
    "relative",
    "relative_low",
    "relative_high",
    "p_value",
    "p_adjusted",
    "sequential_low",
    "sequential_high",
    "sequential_p_value",
    "cuped_mean",
    "cuped_difference",
    "cuped_low",
    "cuped_high",
    "cuped_p_value",
    "cuped_p_adjusted",
    "cuped_sequential_low",
    "cuped_sequential_high",
    "cuped_sequential_p_value",
    "variance_reduction",
    "detectable",
    "detectable_relative",
    "power",
    "units_needed",
    "sample_ratio_p_value",
];
