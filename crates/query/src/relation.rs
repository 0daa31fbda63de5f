//! The resolved relations: what declarations mean once names, types and expressions are settled.
//!
//! These are what the planner, the stream engine and the archiver share. They hold no state and know no storage.

pub mod features;
pub mod resolve;
pub mod table;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use arrow::datatypes::{DataType, SchemaRef, TimeUnit};
use datafusion::logical_expr::{LogicalPlan, ScalarUDF};
use headwater_format::Format;
pub use headwater_sql::ast::Emit;
pub use headwater_sql::settings::ViewSettings;

use crate::model::Model;
use crate::rule::RuleSet;
pub use features::FeatureView;
pub use table::{Files, Place, Server, Table};

/// The time zone of every TIMESTAMP.
pub const UTC: &str = "UTC";

/// How TIMESTAMP is held: microseconds since the Unix epoch, UTC.
pub fn timestamp_type() -> DataType {
    DataType::Timestamp(TimeUnit::Microsecond, Some(UTC.into()))
}

/// The name of the topic and archive of a relation: a name that was given again, or whose rows were made again, has
/// another store.
pub fn store(name: &str, generation: u64) -> String {
    match generation {
        0 => name.to_owned(),
        _ => format!("{name}~{generation}"),
    }
}

/// An append-only relation whose rows are records of a topic.
#[derive(Debug, Clone)]
pub struct Stream {
    /// Folded as the language folds identifiers, or exact where it was quoted.
    pub name: String,
    /// The declared columns, in their order, without the hidden ones.
    pub schema: SchemaRef,
    pub format: Format,
    pub partitions: u32,
    /// Columns that choose the partition; empty when any will do.
    pub partition_key: Vec<usize>,
    pub watermark: Option<Watermark>,
    pub rules: Arc<RuleSet>,
    /// How far a row's event time may lie ahead of its append time.
    pub max_future_us: Option<i64>,
    pub idle_timeout: Option<Duration>,
    pub retention: Option<Duration>,
    /// How long the archive keeps rows, by their append time; `None`: for ever.
    pub archive_retention: Option<Duration>,
    /// Its topic in the log.
    pub topic: String,
    pub origin: Origin,
}

/// Where a stream's definition comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// `CREATE STREAM`.
    Declared,
    /// The output of a view that never retracts.
    Derived { view: String },
}

/// `WATERMARK FOR column AS column - INTERVAL 'delay'`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Watermark {
    /// A column of type [`timestamp_type`].
    pub column: usize,
    /// Microseconds, not negative.
    pub delay_us: i64,
}

/// A materialized view.
#[derive(Debug, Clone)]
pub struct View {
    pub name: String,
    pub schema: SchemaRef,
    /// Columns of `schema` that identify a row. Empty: the whole row, with its multiplicity.
    pub key: Vec<usize>,
    /// As [`crate::plan::plan_view`] made it.
    pub plan: LogicalPlan,
    /// As declared; `None` where nothing was said.
    pub emit: Option<Emit>,
    /// How a derived stream is kept in the log, where something was said.
    pub settings: ViewSettings,
    pub rules: Arc<RuleSet>,
    /// Columns of `schema` that choose the partition of a derived stream; empty when nothing was said.
    pub partition_key: Vec<usize>,
}

/// A view that is a name for its query: whoever reads it runs that.
#[derive(Debug, Clone)]
pub struct PlainView {
    pub name: String,
    pub schema: SchemaRef,
    /// Analysed; its scans are of [`crate::plan::RelationSource`]s.
    pub plan: LogicalPlan,
}

/// The schema of what the node tells of itself.
pub const SYSTEM: &str = "system";
/// The schema of the histories of feature views: that of `spending` is the stream `history.spending`.
pub const HISTORY: &str = "history";
/// The schema of who was shown what: that of the experiment `checkout` is the stream `exposures.checkout`.
pub const EXPOSURES: &str = "exposures";

/// Schemas of streams that belong to objects of other kinds. Such a stream is known everywhere by both names with a dot
/// between.
const COMPANIONS: [&str; 2] = [HISTORY, EXPOSURES];

/// The name of the stream in one of the schemas of companions that belongs to an object.
pub fn companion(schema: &str, object: &str) -> String {
    format!("{schema}.{object}")
}

/// The schema of a companion, and the object that it belongs to; `None` for other names.
pub fn companion_of(name: &str) -> Option<(&'static str, &str)> {
    COMPANIONS.iter().find_map(|schema| Some((*schema, name.strip_prefix(schema)?.strip_prefix('.')?)))
}

/// The object that declares a relation.
pub fn declared_by(relation: &str) -> &str {
    companion_of(relation).map_or(relation, |(_, object)| object)
}

/// How a relation is known that a statement names with its schema; `None` where a schema has no relations of this kind.
pub fn qualified(schema: &str, name: &str) -> Option<String> {
    COMPANIONS.contains(&schema).then(|| companion(schema, name))
}

/// All relations that a statement can name.
#[derive(Debug, Clone, Default)]
pub struct Relations {
    streams: BTreeMap<String, Arc<Stream>>,
    views: BTreeMap<String, Arc<View>>,
    plain_views: BTreeMap<String, Arc<PlainView>>,
    tables: BTreeMap<String, Arc<Table>>,
    feature_views: BTreeMap<String, Arc<FeatureView>>,
    models: BTreeMap<String, Arc<Model>>,
    /// What declared objects can be called by in expressions.
    functions: BTreeMap<String, Arc<ScalarUDF>>,
    comments: BTreeMap<String, Comments>,
    system: Arc<BTreeMap<String, SchemaRef>>,
}

/// What is said of a relation, under an empty name, and of its columns, by theirs.
pub type Comments = BTreeMap<String, String>;

/// One relation by its name.
#[derive(Debug, Clone)]
pub enum Relation {
    Stream(Arc<Stream>),
    /// A materialized view whose rows the engine holds.
    View(Arc<View>),
    PlainView(Arc<PlainView>),
    Table(Arc<Table>),
}

impl Relation {
    pub fn name(&self) -> &str {
        match self {
            Relation::Stream(stream) => &stream.name,
            Relation::View(view) => &view.name,
            Relation::PlainView(view) => &view.name,
            Relation::Table(table) => &table.name,
        }
    }

    pub fn schema(&self) -> &SchemaRef {
        match self {
            Relation::Stream(stream) => &stream.schema,
            Relation::View(view) => &view.schema,
            Relation::PlainView(view) => &view.schema,
            Relation::Table(table) => &table.schema,
        }
    }
}

impl Relations {
    pub fn new() -> Relations {
        Relations::default()
    }

    /// Nothing is declared; what the node tells of itself, under [`SYSTEM`], can be named.
    pub fn beside(system: Arc<BTreeMap<String, SchemaRef>>) -> Relations {
        Relations { system, ..Relations::default() }
    }

    /// The columns of what is told under [`SYSTEM`].
    pub fn system(&self) -> &BTreeMap<String, SchemaRef> {
        &self.system
    }

    /// Adds or replaces a stream. A derived stream and its view may share a name; the stream is then what is read.
    pub fn add_stream(&mut self, stream: Arc<Stream>) {
        self.streams.insert(stream.name.clone(), stream);
    }

    /// Adds or replaces a view.
    pub fn add_view(&mut self, view: Arc<View>) {
        self.views.insert(view.name.clone(), view);
    }

    /// Adds or replaces a relation of any kind.
    pub fn add(&mut self, relation: Relation) {
        match relation {
            Relation::Stream(stream) => self.add_stream(stream),
            Relation::View(view) => self.add_view(view),
            Relation::PlainView(view) => drop(self.plain_views.insert(view.name.clone(), view)),
            Relation::Table(table) => drop(self.tables.insert(table.name.clone(), table)),
        }
    }

    pub fn add_feature_view(&mut self, view: Arc<FeatureView>) {
        self.feature_views.insert(view.name.clone(), view);
    }

    pub fn feature_view(&self, name: &str) -> Option<&Arc<FeatureView>> {
        self.feature_views.get(name)
    }

    pub fn feature_views(&self) -> impl Iterator<Item = &Arc<FeatureView>> {
        self.feature_views.values()
    }

    pub fn add_model(&mut self, model: Arc<Model>) {
        self.models.insert(model.name.clone(), model);
    }

    pub fn model(&self, name: &str) -> Option<&Arc<Model>> {
        self.models.get(name)
    }

    pub fn models(&self) -> impl Iterator<Item = &Arc<Model>> {
        self.models.values()
    }

    /// Adds a function, or replaces one of its name.
    pub fn add_function(&mut self, function: Arc<ScalarUDF>) {
        self.functions.insert(function.name().to_owned(), function);
    }

    pub fn function(&self, name: &str) -> Option<&Arc<ScalarUDF>> {
        self.functions.get(name)
    }

    /// Says something of a relation, in the place of what was said.
    pub fn describe(&mut self, name: &str, comments: Comments) {
        self.comments.insert(name.to_owned(), comments);
    }

    /// Empty where nothing is said.
    pub fn comments(&self, name: &str) -> Comments {
        self.comments.get(name).cloned().unwrap_or_default()
    }

    /// Looks up a name that is already folded.
    pub fn get(&self, name: &str) -> Option<Relation> {
        let stream = self.streams.get(name).cloned().map(Relation::Stream);
        let view = || self.views.get(name).cloned().map(Relation::View);
        let plain_view = || self.plain_views.get(name).cloned().map(Relation::PlainView);
        let table = || self.tables.get(name).cloned().map(Relation::Table);
        stream.or_else(view).or_else(plain_view).or_else(table)
    }

    pub fn stream(&self, name: &str) -> Option<&Arc<Stream>> {
        self.streams.get(name)
    }

    pub fn view(&self, name: &str) -> Option<&Arc<View>> {
        self.views.get(name)
    }

    pub fn table(&self, name: &str) -> Option<&Arc<Table>> {
        self.tables.get(name)
    }

    pub fn tables(&self) -> impl Iterator<Item = &Arc<Table>> {
        self.tables.values()
    }

    pub fn streams(&self) -> impl Iterator<Item = &Arc<Stream>> {
        self.streams.values()
    }

    pub fn views(&self) -> impl Iterator<Item = &Arc<View>> {
        self.views.values()
    }

    /// Every name once, sorted.
    pub fn names(&self) -> Vec<&str> {
        let streams = self.streams.keys().chain(self.views.keys());
        let all = streams.chain(self.plain_views.keys()).chain(self.tables.keys());
        let mut names: Vec<&str> = all.map(String::as_str).collect();
        names.sort_unstable();
        names.dedup();
        names
    }
}
