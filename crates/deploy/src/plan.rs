//! Wanted minus running: the steps from what runs to what is declared. Showing and applying read the same list.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use headwater_catalog::{Change as Stored, Kind, Proposal};
use headwater_query::relation::{EXPOSURES, Place, Relation, Relations, Stream, Table, companion};
use headwater_stream::checkpoint::{OutputState, Replayed};

use crate::columns::{evolve, follow};
use crate::experiments::{self, Exposures};
use crate::resolve::{Declared, Named};
use crate::{Error, Result};

/// The steps of one deployment, in the order in which they are shown and made.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plan {
    pub steps: Vec<Step>,
}

/// One step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    pub change: Change,
    pub kind: Kind,
    pub name: String,
    pub class: Class,
    /// What becomes of the rows that it has or needs.
    pub rows: Rows,
    /// All that reads it, directly or not.
    pub dependents: Vec<String>,
}

/// How an object differs from the one that runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    Create,
    Alter,
    Drop,
    /// Its own definition stays; what it reads has changed.
    Follow,
    /// Its definition stays, and so do its rows.
    Pause,
    /// Its definition stays; it catches up with what it missed.
    Resume,
    /// Its definition stays; it begins anew.
    Reset,
}

/// What a step means to those who read the object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// Nobody sees a difference.
    None,
    /// Whoever reads it now can go on.
    NonBreaking,
    /// Columns or rows that somebody may rely on change or go.
    Breaking,
}

/// What becomes of rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rows {
    /// There is nothing to do.
    Kept,
    /// History is gone through once more: so many rows of the streams that it reads, at most.
    Replayed {
        rows: u64,
        /// The last time that a view of this name was replayed.
        last: Option<Replayed>,
    },
    /// They are made from what other views have, or from what the view's own plan still has.
    Made,
    /// They are deleted.
    Deleted,
    /// The log's records are deleted; the archive stays as a table in the lake.
    Archived,
    /// There are none.
    Empty,
}

impl Plan {
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Change::Create => "create",
            Change::Alter => "alter",
            Change::Drop => "drop",
            Change::Follow => "rebuild",
            Change::Pause => "pause",
            Change::Resume => "resume",
            Change::Reset => "reset",
        })
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Class::None => "no effect",
            Class::NonBreaking => "non-breaking",
            Class::Breaking => "breaking",
        })
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}: {}", self.change, self.kind, self.name, self.class)?;
        match &self.rows {
            Rows::Replayed { rows, last } => {
                write!(f, "; replays {rows} rows of history")?;
                if let Some(last) = last {
                    write!(f, ", last time {} in {:.1} s", last.rows, last.took_us as f64 / 1e6)?;
                }
            }
            Rows::Made => write!(f, "; made from what is held, without history")?,
            Rows::Deleted => write!(f, "; its rows are deleted")?,
            Rows::Archived => write!(f, "; its archive stays in the lake")?,
            Rows::Kept
                if matches!(
                    self.kind,
                    Kind::Stream | Kind::View | Kind::Alert | Kind::ScheduledView | Kind::Table | Kind::FeatureView
                ) =>
            {
                write!(f, "; its rows stay")?
            }
            Rows::Kept | Rows::Empty => {}
        }
        match self.dependents.as_slice() {
            [] => Ok(()),
            names => write!(f, "; {} depend on it", names.join(", ")),
        }
    }
}

/// What is known of what runs.
pub struct Running<'a> {
    pub relations: &'a Relations,
    /// Of the newest checkpoint.
    pub outputs: &'a BTreeMap<String, OutputState>,
    /// Rows of the streams that a view reads, by view that is behind.
    pub behind: &'a BTreeMap<String, u64>,
    /// Views that need no history for their new rows.
    pub seeded: &'a [String],
    pub experiments: &'a [Arc<experiments::Declared>],
    /// Whether a stream has rows.
    pub has_rows: &'a dyn Fn(&Stream) -> bool,
}

impl Running<'_> {
    /// Whether a view's rows are made anew.
    fn makes(&self, view: &String) -> bool {
        self.behind.contains_key(view) || self.seeded.contains(view)
    }
}

/// The steps of a proposal.
///
/// # Errors
/// [`Error::Refused`] for changes of stored rows that can't be made.
pub fn plan(proposal: &Proposal, wanted: &Named, declared: &Declared, running: &Running<'_>) -> Result<Plan> {
    let mut steps = Vec::new();
    for change in &proposal.changes {
        let step = match change {
            Stored::Added(definition) => Some((Change::Create, definition, Class::NonBreaking)),
            // Nobody reads what only draws.
            Stored::Removed(definition) if matches!(definition.kind, Kind::Chart | Kind::Dashboard) => {
                Some((Change::Drop, definition, Class::NonBreaking))
            }
            Stored::Removed(definition) => Some((Change::Drop, definition, Class::Breaking)),
            // What is said of it changes nothing in it.
            Stored::Changed { before, after } if before.text == after.text && before.owner == after.owner => {
                let change = match (before.paused, after.paused) {
                    (false, true) => Change::Pause,
                    (true, false) => Change::Resume,
                    _ if after.resets > before.resets => Change::Reset,
                    _ => Change::Alter,
                };
                Some((change, after, Class::None))
            }
            Stored::Changed { after, .. } => {
                let class = class(after.kind, &after.name, declared, running)?;
                Some((Change::Alter, after, class))
            }
            Stored::Unchanged(definition) if running.makes(&definition.name) => {
                Some((Change::Follow, definition, class(definition.kind, &definition.name, declared, running)?))
            }
            Stored::Unchanged(_) => None,
        };
        let Some((change, definition, class)) = step else { continue };
        let rows = match (change, running.behind.get(&definition.name)) {
            (Change::Drop, _) => match definition.kind {
                Kind::View | Kind::Alert | Kind::ScheduledView | Kind::Table | Kind::FeatureView => Rows::Deleted,
                Kind::Stream => Rows::Archived,
                Kind::Experiment if running.relations.stream(&companion(EXPOSURES, &definition.name)).is_some() => {
                    Rows::Archived
                }
                _ => Rows::Empty,
            },
            (_, Some(rows)) => Rows::Replayed {
                rows: *rows,
                last: running.outputs.get(&definition.name).and_then(|state| state.replayed),
            },
            (_, None) if running.seeded.contains(&definition.name) => Rows::Made,
            (Change::Create, None) => Rows::Empty,
            (_, None) => Rows::Kept,
        };
        let dependents = dependents(wanted, &definition.name);
        steps.push(Step { change, kind: definition.kind, name: definition.name.clone(), class, rows, dependents });
    }
    // What goes goes first, and of what comes each after what it reads.
    let place = |step: &Step| wanted.objects().iter().position(|object| object.definition.name == step.name);
    steps.sort_by_key(|step| (step.change != Change::Drop, place(step)));
    Ok(Plan { steps })
}

fn dependents(wanted: &Named, name: &str) -> Vec<String> {
    let mut reached: Vec<String> = Vec::new();
    for object in wanted.objects() {
        let definition = &object.definition;
        if definition.depends_on.iter().any(|on| on == name || reached.contains(on)) {
            reached.push(definition.name.clone());
        }
    }
    reached
}

fn class(kind: Kind, name: &str, declared: &Declared, running: &Running<'_>) -> Result<Class> {
    if kind == Kind::Experiment {
        return of_experiment(name, declared, running);
    }
    let (Some(before), Some(after)) = (running.relations.get(name), declared.relations.get(name)) else {
        return Ok(Class::NonBreaking);
    };
    if kind == Kind::Stream
        && let (Some(before), Some(after)) = (running.relations.stream(name), declared.relations.stream(name))
    {
        return of_stream(before, after, running);
    }
    if let (Relation::Table(before), Relation::Table(after)) = (&before, &after)
        && !before.is_refreshed()
        && !after.is_refreshed()
    {
        return of_table(before, after);
    }
    let kept = |column: &arrow::datatypes::FieldRef| {
        after.schema().field_with_name(column.name()).is_ok_and(|now| now.data_type() == column.data_type())
    };
    let fingerprint = |declared: &Declared| {
        let mut outputs = declared.graph.outputs.iter();
        outputs.find(|output| output.relation == name).map(|output| output.fingerprint.clone())
    };
    if !kind.is_maintained() {
        let all_kept = before.schema().fields().iter().all(kept);
        return Ok(if all_kept { Class::NonBreaking } else { Class::Breaking });
    }
    let stays = running.outputs.get(name).map(|state| state.fingerprint.clone()) == fingerprint(declared);
    Ok(match (stays, before.schema().fields().iter().all(kept)) {
        (true, _) => Class::None,
        (false, true) => Class::NonBreaking,
        (false, false) => Class::Breaking,
    })
}

fn of_table(before: &Table, after: &Table) -> Result<Class> {
    let refuse = |why: String, hint: &str| Err(Error::Refused { message: why, hint: hint.to_owned() });
    let names = |table: &Table, columns: &[usize]| -> Vec<String> {
        columns.iter().map(|column| table.schema.field(*column).name().clone()).collect()
    };
    let key = |table: &Table| names(table, &table.key);
    let layout = |table: &Table| names(table, &table.partitioned_by);
    match (&before.place, &after.place) {
        (Place::Lake(_), Place::Lake(_)) if key(before) != key(after) => refuse(
            format!("the rows of table {} were checked by the key that it has", after.name),
            "put its PRIMARY KEY back as it was, or declare a table of another name and insert the rows there",
        ),
        (Place::Lake(_), Place::Lake(_)) if layout(before) != layout(after) => refuse(
            format!("the files of table {} are laid out as it says, PARTITIONED BY stays", after.name),
            "declare a table of another name and insert the rows there",
        ),
        (Place::Lake(_), Place::Lake(_)) => follow(&before.schema, &after.schema).or_else(|why| {
            refuse(
                format!("table {} can't change so: {why}", after.name),
                "columns can be added, widened and dropped; else declare a table of another name",
            )
        }),
        _ if before.schema == after.schema && before.key == after.key => Ok(Class::NonBreaking),
        _ => Ok(Class::Breaking),
    }
}

/// Who was drawn stays what it was: exposures that are there are not those of another assignment.
fn of_experiment(name: &str, declared: &Declared, running: &Running<'_>) -> Result<Class> {
    let of = |experiments: &[Arc<experiments::Declared>]| experiments.iter().find(|one| one.name == name).cloned();
    let (Some(before), Some(after)) = (of(running.experiments), of(&declared.experiments)) else {
        return Ok(Class::NonBreaking);
    };
    if let Exposures::Own(stream) = &before.exposures
        && before.assigning.identity() != after.assigning.identity()
        && (running.has_rows)(stream)
    {
        return Err(Error::Refused {
            message: format!(
                "experiment {name} has exposures, which were drawn by other variants, weights or another salt"
            ),
            hint: "declare an experiment of another name, or drop this one first; its archive stays".to_owned(),
        });
    }
    Ok(Class::NonBreaking)
}

fn of_stream(before: &Stream, after: &Stream, running: &Running<'_>) -> Result<Class> {
    match evolve(before, after) {
        Ok(class) => Ok(class),
        // Without rows there is nothing that could not follow.
        Err(_) if !(running.has_rows)(before) => Ok(Class::Breaking),
        Err(why) => Err(Error::Refused {
            message: format!("stream {} has rows: {why}", after.name),
            hint: "columns can be added, widened and dropped; else declare a stream of another name".to_owned(),
        }),
    }
}
