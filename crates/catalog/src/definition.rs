//! Definitions as they are stored, and the difference between two sets of them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use headwater_sql::ast::Refresh;
use headwater_sql::{Parsed, Statement};
use serde::{Deserialize, Serialize};

/// One declared object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Definition {
    /// Unique across kinds.
    pub name: String,
    pub kind: Kind,
    pub owner: Owner,
    /// The statement in canonical form, with settings filled in: texts that differ mean different things.
    pub text: String,
    /// Names of the objects that it reads or feeds, sorted.
    pub depends_on: Vec<String>,
    /// 1 when the name first appears, one more with each change. 0 in a definition that was never proposed.
    pub version: u64,
    /// Which of the stores that its name has had holds its rows; see [`Definitions::retired`].
    #[serde(default)]
    pub generation: u64,
    /// What `COMMENT ON` says of it, under an empty name, and of its columns, by theirs.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub comments: BTreeMap<String, String>,
    /// Columns that its rows had once and do not show any more: their names are not given again.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub dropped_columns: BTreeSet<String>,
    /// Of a materialized view: how often it was told to begin anew.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub resets: u64,
    /// Of a materialized view: it stays as it is.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub paused: bool,
}

/// Serde hands over references.
fn is_zero(number: &u64) -> bool {
    *number == 0
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    Stream,
    Source,
    /// A materialized view that is kept up to date.
    View,
    /// A materialized view that runs refresh.
    ScheduledView,
    /// A view that is a name for its query.
    PlainView,
    /// A table of the lake.
    Table,
    ExternalTable,
    Sink,
    /// With the materialized view of its name that holds its rows.
    Alert,
    Connection,
    Secret,
    Chart,
    Dashboard,
    /// Expectations of a relation.
    Expectations,
    /// Features of entities, with the relations of its name that hold their values and their history.
    FeatureView,
    Model,
    /// With the stream of its name that has who was shown what.
    Experiment,
}

impl Kind {
    pub fn of(statement: &Statement) -> Option<Kind> {
        match statement {
            Statement::CreateStream(_) => Some(Kind::Stream),
            Statement::CreateSource(_) => Some(Kind::Source),
            Statement::CreateMaterializedView(view) if view.refresh != Refresh::Continuous => Some(Kind::ScheduledView),
            Statement::CreateMaterializedView(_) => Some(Kind::View),
            Statement::CreateView(_) => Some(Kind::PlainView),
            Statement::CreateTable(_) => Some(Kind::Table),
            Statement::CreateExternalTable(_) => Some(Kind::ExternalTable),
            Statement::CreateSink(_) => Some(Kind::Sink),
            Statement::CreateAlert(_) => Some(Kind::Alert),
            Statement::CreateConnection(_) => Some(Kind::Connection),
            Statement::CreateSecret(_) => Some(Kind::Secret),
            Statement::CreateChart(_) => Some(Kind::Chart),
            Statement::CreateDashboard(_) => Some(Kind::Dashboard),
            Statement::CreateExpectations(_) => Some(Kind::Expectations),
            Statement::CreateFeatureView(_) => Some(Kind::FeatureView),
            Statement::CreateModel(_) => Some(Kind::Model),
            Statement::CreateExperiment(_) => Some(Kind::Experiment),
            _ => None,
        }
    }

    /// One of them, with its article.
    pub fn one(self) -> String {
        match self {
            Kind::Alert | Kind::ExternalTable | Kind::Experiment => format!("an {self}"),
            Kind::Expectations => "a suite of expectations".to_owned(),
            _ => format!("a {self}"),
        }
    }

    /// Whether the engine keeps its rows equal to a query.
    pub fn is_maintained(self) -> bool {
        matches!(self, Kind::View | Kind::Alert | Kind::FeatureView)
    }

    /// Whether it can be selected from.
    pub fn is_relation(self) -> bool {
        match self {
            Kind::Stream | Kind::View | Kind::ScheduledView | Kind::PlainView => true,
            Kind::Table | Kind::ExternalTable | Kind::Alert | Kind::FeatureView => true,
            Kind::Source | Kind::Sink | Kind::Connection | Kind::Secret => false,
            Kind::Chart | Kind::Dashboard | Kind::Expectations | Kind::Model | Kind::Experiment => false,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Kind::Stream => "stream",
            Kind::Source => "source",
            Kind::View | Kind::ScheduledView => "materialized view",
            Kind::PlainView => "view",
            Kind::Table => "table",
            Kind::ExternalTable => "external table",
            Kind::Sink => "sink",
            Kind::Alert => "alert",
            Kind::Connection => "connection",
            Kind::Secret => "secret",
            Kind::Chart => "chart",
            Kind::Dashboard => "dashboard",
            Kind::Expectations => "expectations",
            Kind::FeatureView => "feature view",
            Kind::Model => "model",
            Kind::Experiment => "experiment",
        })
    }
}

/// Who may remove it: a project's statements no longer there, or the client that created it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Owner {
    Project,
    Client,
}

impl Definition {
    /// None for a statement that defines nothing.
    pub fn of(parsed: &Parsed, owner: Owner, depends_on: Vec<String>) -> Option<Definition> {
        let (kind, name) = (Kind::of(&parsed.statement)?, parsed.statement.defines()?);
        // Text that was parsed has a canonical form.
        let text = headwater_sql::canonical(&parsed.text).unwrap_or_else(|_| parsed.text.clone());
        Some(Definition {
            name: name.value.clone(),
            kind,
            owner,
            text,
            depends_on,
            version: 0,
            generation: 0,
            comments: BTreeMap::new(),
            dropped_columns: BTreeSet::new(),
            resets: 0,
            paused: false,
        })
    }

    /// Whether both say the same, whatever their versions.
    pub fn same(&self, other: &Definition) -> bool {
        self.kind == other.kind
            && self.owner == other.owner
            && self.text == other.text
            && self.comments == other.comments
    }
}

/// All that is declared, at one version.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Definitions {
    /// The number of the stored version that this is, or that it was made from. 0: nothing was ever committed.
    pub version: u64,
    /// Microseconds since the Unix epoch.
    pub committed_us: i64,
    /// What led here from the version before, as a plan tells it.
    pub steps: Vec<String>,
    pub by_name: BTreeMap<String, Definition>,
    /// Names that are gone: one that comes again gets another store.
    pub retired: BTreeMap<String, Retired>,
}

/// What is remembered of a name that is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Retired {
    pub kind: Kind,
    pub generation: u64,
    /// Its archive goes too.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub purged: bool,
}

/// What one name would become.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    Added(Definition),
    Changed { before: Definition, after: Definition },
    Removed(Definition),
    Unchanged(Definition),
}

impl Change {
    pub fn name(&self) -> &str {
        match self {
            Change::Added(one) | Change::Removed(one) | Change::Unchanged(one) => &one.name,
            Change::Changed { after, .. } => &after.name,
        }
    }
}

/// What a project's definitions would change, and the set that would then stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proposal {
    /// One for each name, sorted by name.
    pub changes: Vec<Change>,
    pub next: Definitions,
}

impl Proposal {
    /// Nothing to commit.
    pub fn is_empty(&self) -> bool {
        self.changes.iter().all(|change| matches!(change, Change::Unchanged(_)))
    }

    /// Changes one definition beside what was proposed; nothing where there is none of the name.
    pub fn change(&mut self, name: &str, change: impl FnOnce(&mut Definition)) {
        let Some(next) = self.next.by_name.get_mut(name) else { return };
        change(next);
        for entry in self.changes.iter_mut().filter(|entry| entry.name() == name) {
            match entry {
                Change::Unchanged(before) if before == next => {}
                Change::Unchanged(before) => {
                    next.version = before.version + 1;
                    *entry = Change::Changed { before: before.clone(), after: next.clone() };
                }
                Change::Added(after) | Change::Changed { after, .. } => *after = next.clone(),
                Change::Removed(_) => {}
            }
        }
    }
}

impl Definitions {
    /// Brings the project's part to `wanted`. What clients own stays, unless `wanted` declares the same name: then it
    /// is the project's.
    pub fn propose(&self, mut wanted: Vec<Definition>) -> Proposal {
        let is_wanted = |name: &str, wanted: &[Definition]| wanted.iter().any(|one| one.name == name);
        let others = self.by_name.values().filter(|one| one.owner == Owner::Client && !is_wanted(&one.name, &wanted));
        let others: Vec<Definition> = others.cloned().collect();
        wanted.extend(others);
        self.propose_all(wanted)
    }

    /// Brings everything to `wanted`, whoever owns it.
    pub fn propose_all(&self, wanted: Vec<Definition>) -> Proposal {
        let mut retired = self.retired.clone();
        let mut wanted: BTreeMap<String, Definition> =
            wanted.into_iter().map(|definition| (definition.name.clone(), definition)).collect();
        let mut changes: BTreeMap<String, Change> = BTreeMap::new();
        for (name, before) in &self.by_name {
            let change = match wanted.remove(name) {
                Some(after) if after.same(before) => Change::Unchanged(before.clone()),
                Some(mut after) => {
                    after.version = before.version + 1;
                    // Rows of another kind lie elsewhere.
                    let elsewhere = u64::from(after.kind != before.kind);
                    after.generation = after.generation.max(before.generation + elsewhere);
                    after.dropped_columns.clone_from(&before.dropped_columns);
                    after.resets = before.resets;
                    // Another query has rows of its own.
                    after.paused = before.paused && after.text == before.text;
                    Change::Changed { before: before.clone(), after }
                }
                None => {
                    retired.insert(
                        name.clone(),
                        Retired { kind: before.kind, generation: before.generation, purged: false },
                    );
                    Change::Removed(before.clone())
                }
            };
            changes.insert(name.clone(), change);
        }
        for (name, mut added) in wanted {
            added.version = 1;
            added.generation = retired.remove(&name).map_or(0, |last| last.generation + 1);
            changes.insert(name, Change::Added(added));
        }
        let standing = changes.iter().filter_map(|(name, change)| match change {
            Change::Added(one) | Change::Unchanged(one) | Change::Changed { after: one, .. } => {
                Some((name.clone(), one.clone()))
            }
            Change::Removed(_) => None,
        });
        let by_name = standing.collect();
        let (version, committed_us) = (self.version, self.committed_us);
        let next = Definitions { version, committed_us, steps: Vec::new(), by_name, retired };
        Proposal { next, changes: changes.into_values().collect() }
    }

    pub fn get(&self, name: &str) -> Option<&Definition> {
        self.by_name.get(name)
    }

    pub fn iter(&self) -> impl Iterator<Item = &Definition> {
        self.by_name.values()
    }
}
