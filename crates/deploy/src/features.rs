//! Feature views, resolved: the stream with all values that there were, and the view with the latest ones.
//!
//! What never takes a row back is the history itself, and its latest rows are the view. What groups is the view, and the
//! values that its groups came to are the history. What runs compute they append to the history.

use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use headwater_format::Format;
use headwater_query::relation::{FeatureView, Origin, Relation, Relations, Stream, resolve as relation, store};
use headwater_sql::ast::{CreateFeatureView, CreateMaterializedView, Refresh};
use headwater_sql::settings::RefreshSettings;
use headwater_sql::{Diagnostic, Diagnostics, Parsed, SourceText, Statement};
use headwater_stream::plan::{Builder, Storage, history_schema};

use crate::Result;
use crate::schedule::Schedule;

/// A feature view whose values runs compute.
#[derive(Debug, Clone)]
pub struct Scheduled {
    pub view: Arc<FeatureView>,
    pub history: Arc<Stream>,
    /// The query's text.
    pub query: String,
    pub schedule: Schedule,
    pub settings: RefreshSettings,
    /// What runs refresh and it reads, directly or not.
    pub after: Vec<String>,
    /// The relations with rows of their own that its query reads.
    pub reads: std::collections::BTreeSet<String>,
}

/// What a statement declares, beside what it adds to relations and dataflow.
pub fn resolve(
    create: &CreateFeatureView,
    parsed: &Parsed,
    relations: &mut Relations,
    builder: &mut Builder,
    storage: &Storage,
) -> Result<Option<Scheduled>> {
    let scheduled = match &create.rows.refresh {
        Refresh::Continuous => {
            continuous(create, parsed, relations, builder, storage)?;
            None
        }
        Refresh::Scheduled(schedule) => {
            let schedule = Schedule::resolve(schedule, &parsed.source)?;
            let columns = relation::columns_of_refreshed(relations, &create.rows, &parsed.source)?;
            let view = Arc::new(FeatureView::resolve(create, &columns, &parsed.source)?);
            let history = Arc::new(fed_by_runs(&view, &columns, storage));
            builder.add_stream(&history);
            relations.add_stream(Arc::clone(&history));
            add_latest(&view, relations, builder, storage)?;
            relations.add_feature_view(Arc::clone(&view));
            let (query, settings) = (create.rows.query_text.clone(), create.rows.refresh_settings()?);
            let (after, reads) = (Vec::new(), std::collections::BTreeSet::new());
            Some(Scheduled { view, history, query, schedule, settings, after, reads })
        }
    };
    check_columns(create, parsed, relations)?;
    Ok(scheduled)
}

fn continuous(
    create: &CreateFeatureView,
    parsed: &Parsed,
    relations: &mut Relations,
    builder: &mut Builder,
    storage: &Storage,
) -> Result<()> {
    let rows = relation::view(relations, &create.rows, &parsed.source)?;
    let view = Arc::new(FeatureView::resolve(create, &rows.schema, &parsed.source)?);
    let history = builder.add_history(&rows, &view, storage)?;
    relations.add_stream(Arc::clone(&history.stream));
    if history.is_running {
        let mut key = rows.key.clone();
        let mut entity = view.entity.clone();
        key.sort_unstable();
        entity.sort_unstable();
        if key != entity {
            let message = "the query has not one row for each entity: it doesn't group by ENTITY (…)";
            let refused = Diagnostic::new(parsed.source.clone(), create.entity[0].span, message);
            return Err(Diagnostics::from(refused.with_hint("name the columns of GROUP BY, all of them and no others")).into());
        }
        let added = builder.add_view(&rows, &Storage { format: None, partitions: None, ..storage.clone() })?;
        relations.add(added);
    } else {
        add_latest(&view, relations, builder, storage)?;
    }
    relations.add_feature_view(view);
    Ok(())
}

/// The history of a feature view that runs write.
fn fed_by_runs(view: &FeatureView, columns: &SchemaRef, storage: &Storage) -> Stream {
    let name = view.history();
    Stream {
        schema: history_schema(columns, view),
        format: Format::Json,
        partitions: 1,
        partition_key: Vec::new(),
        watermark: None,
        rules: Arc::default(),
        max_future_us: None,
        idle_timeout: None,
        retention: None,
        archive_retention: None,
        topic: store(&name, storage.generation),
        origin: Origin::Declared,
        name,
    }
}

/// The view with the latest rows of a history.
fn add_latest(
    view: &FeatureView,
    relations: &mut Relations,
    builder: &mut Builder,
    storage: &Storage,
) -> Result<()> {
    let name = view.name.replace('"', "\"\"");
    let text = format!("CREATE MATERIALIZED VIEW \"{name}\" AS {}", view.latest());
    let source = SourceText::new(format!("the latest rows of {}", view.history()), text);
    let mut parsed = headwater_sql::parse(&source)?;
    let Some(Statement::CreateMaterializedView(create)) = parsed.pop().map(|parsed| parsed.statement) else {
        return Err(headwater_stream::Error::internal("the view of a feature view is none").into());
    };
    let rows = relation::view(relations, &create, &source)?;
    let added = builder.add_view(&rows, &Storage { format: None, partitions: None, ..storage.clone() })?;
    relations.add(added);
    Ok(())
}

/// What could not be archived is told before anything is made.
fn check_columns(create: &CreateFeatureView, parsed: &Parsed, relations: &Relations) -> Result<()> {
    let CreateMaterializedView { name, query_span, .. } = &create.rows;
    let Some(Relation::View(view)) = relations.get(&name.value) else { return Ok(()) };
    headwater_lake::check_columns(&view.schema).map_err(|refused| {
        Diagnostics::from(Diagnostic::new(parsed.source.clone(), *query_span, refused.to_string())).into()
    })
}
