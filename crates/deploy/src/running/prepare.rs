//! What a change of definitions would do, worked out from what is stored: the same for a node and for a folder at rest.

use std::collections::{BTreeMap, BTreeSet};

use headwater_catalog::{Change, Definition, Definitions, Kind, Owner, Proposal};
use headwater_log::Log;
use headwater_query::relation::{EXPOSURES, Origin, Place, Stream, Table, companion, declared_by};
use headwater_sql::ast::Run;
use headwater_stream::checkpoint::{Manifest, OutputState};
use headwater_stream::engine::{behind, seeded};

use crate::columns::evolve;
use crate::plan::{self, Class, Plan, Rows};
use crate::resolve::{Declaration, Declared, Named};
use crate::{Error, Result, stored};

/// What is stored and what runs by it.
pub struct Facts<'a> {
    pub definitions: &'a Definitions,
    /// What runs, and what it is on the way to.
    pub declared: &'a Declared,
    pub all: &'a Declared,
    pub newest: Option<&'a Manifest>,
    pub log: &'a dyn Log,
}

/// What materialized views are told, by their names.
pub type Told = BTreeMap<String, Run>;

/// A plan, and what it leads to.
pub struct Prepared {
    pub plan: Plan,
    pub(super) declared: Declared,
    /// What is there until replays have caught up.
    pub(super) running: Declared,
    pub(super) wanted: Named,
    pub(super) proposal: Proposal,
    /// Nothing changes that the engine has.
    pub(super) leaves_engine: bool,
}

impl Prepared {
    /// Whether something goes on as it is, and not only because its definition stays: what it uses stays, and the engine.
    pub fn leaves(&self, name: &str) -> bool {
        let changes = |step: &plan::Step| step.class != Class::None || step.change == plan::Change::Drop;
        let is_of = |step: &plan::Step| step.name == name || step.dependents.iter().any(|each| each == name);
        self.leaves_engine && !self.plan.steps.iter().any(|step| changes(step) && is_of(step))
    }

    /// Whether the engine goes on as it is.
    pub fn leaves_engine(&self) -> bool {
        self.leaves_engine
    }

    /// With the archives of these streams, where they go.
    pub fn purge(&mut self, names: &BTreeSet<String>) {
        for (name, retired) in &mut self.proposal.next.retired {
            retired.purged |= names.contains(name);
        }
        for step in self.plan.steps.iter_mut().filter(|step| names.contains(&step.name)) {
            if step.rows == Rows::Archived {
                step.rows = Rows::Deleted;
            }
        }
    }

    /// Everything as it will be.
    pub fn declared(&self) -> &Declared {
        &self.declared
    }

    /// The definitions as they will be.
    pub fn definitions(&self) -> &Definitions {
        &self.proposal.next
    }

    /// The newest checkpoint as it will be when all replays are over.
    fn reached(&self, newest: &Manifest) -> Manifest {
        let outputs = self.declared.graph.outputs.iter().map(|output| {
            let state = OutputState {
                fingerprint: output.fingerprint.clone(),
                definition: output.definition.clone(),
                generation: output.generation,
                resets: output.resets,
                paused: output.paused,
                ends: Vec::new(),
                failed: None,
                holders: self.declared.graph.holders(&output.relation),
                replayed: newest.outputs.get(&output.relation).and_then(|state| state.replayed),
            };
            (output.relation.clone(), state)
        });
        Manifest { outputs: outputs.collect(), ..newest.clone() }
    }
}

impl Facts<'_> {
    /// What bringing the project's part to its files would do. What clients own stays as it is.
    pub fn prepare_project(&self, declarations: Vec<Declaration>) -> Result<Prepared> {
        let declares = |name: &str| {
            declarations.iter().any(|each| each.parsed.statement.defines().is_some_and(|defined| defined.value == name))
        };
        let clients = self.definitions.iter().filter(|one| one.owner == Owner::Client && !declares(&one.name));
        let clients = clients.map(stored::declaration).collect::<Result<Vec<_>>>()?;
        self.prepare(declarations.into_iter().chain(clients).collect())
    }

    /// What bringing everything to these declarations would do.
    pub fn prepare(&self, declarations: Vec<Declaration>) -> Result<Prepared> {
        self.prepare_with(declarations, &Told::new())
    }

    /// What bringing everything to these declarations would do, and what some views are told beside.
    pub fn prepare_with(&self, declarations: Vec<Declaration>, told: &Told) -> Result<Prepared> {
        let wanted = Named::of(declarations)?;
        let mut proposal = self.definitions.propose_all(wanted.definitions());
        for (name, run) in told {
            proposal.change(name, |definition| {
                definition.paused = *run == Run::Pause;
                definition.resets += u64::from(*run != Run::Pause);
            });
        }
        let (declared, behind) = loop {
            let declared = self.give_stores(&wanted, &mut proposal)?;
            let behind = behind(&declared.graph, self.newest, self.log);
            // What a paused view had is not what it should have any more: it goes on. So does one that a view reads which
            // goes on or begins anew.
            let mut woken: Vec<String> = paused(&declared).filter(|name| behind.contains(name)).collect();
            if let Some(name) = woken.iter().find(|name| told.get(*name) == Some(&Run::Pause)) {
                return Err(Error::Refused {
                    message: format!("{name} is being rebuilt"),
                    hint: "pause it when that is over".to_owned(),
                });
            }
            if woken.is_empty()
                && let Some((view, read)) = reads_paused(&declared, &behind)
            {
                let refuse = |message: String, hint: String| Err(Error::Refused { message, hint });
                if told.get(&read) == Some(&Run::Pause) {
                    let message = format!("{view} is being built, and reads {read}");
                    return refuse(message, "pause it when that is over".to_owned());
                }
                if told.values().all(|run| *run == Run::Pause) {
                    let message = format!("{view} reads {read}, which is paused");
                    return refuse(message, format!("ALTER MATERIALIZED VIEW {read} RESUME first"));
                }
                proposal.change(&read, |definition| definition.resets += 1);
                woken.push(read);
            }
            if woken.is_empty() {
                break (declared, behind);
            }
            woken.iter().for_each(|name| proposal.change(name, |definition| definition.paused = false));
        };
        self.note_dropped_columns(&declared, &mut proposal)?;
        let with_history = |view: String| (view.clone(), self.history_of(&declared, &view));
        let behind: BTreeMap<String, u64> = behind.into_iter().map(with_history).collect();
        let none = BTreeMap::new();
        let outputs = self.newest.map_or(&none, |manifest| &manifest.outputs);
        // What runs until the replays have caught up must be possible, too.
        let names: Vec<String> = behind.keys().cloned().collect();
        let until_then = stored::running(&wanted, &proposal.next, outputs, &names)?;
        let leaves_engine = self.leaves_engine(&proposal, &declared, &until_then);
        let running = plan::Running {
            relations: &self.declared.relations,
            outputs,
            behind: &behind,
            seeded: &seeded(&declared.graph, self.newest),
            experiments: &self.declared.experiments,
            has_rows: &|stream| self.has_rows(stream),
        };
        let plan = plan::plan(&proposal, &wanted, &declared, &running)?;
        Ok(Prepared { plan, declared, running: until_then, wanted, proposal, leaves_engine })
    }

    /// Whether what changes is nothing that the engine has: neither steps nor streams, nor tables that steps read.
    fn leaves_engine(&self, proposal: &Proposal, declared: &Declared, running: &Declared) -> bool {
        let tables =
            [self.all, declared].map(|declared| declared.graph.tables().map(|(_, plan)| plan.table.name.clone()));
        let tables: BTreeSet<String> = tables.into_iter().flatten().collect();
        let is_around = |change: &Change| match change {
            Change::Unchanged(_) => true,
            Change::Changed { before, after } if says_the_same(before, after) => true,
            Change::Added(one) | Change::Removed(one) | Change::Changed { after: one, .. } => {
                let leaves = match one.kind {
                    Kind::Stream => false,
                    Kind::Experiment => self.leaves_exposures(&one.name, declared),
                    _ => true,
                };
                leaves && !tables.contains(&one.name)
            }
        };
        proposal.changes.iter().all(is_around)
            && self.all.graph.is_same(&declared.graph)
            && self.declared.graph.is_same(&running.graph)
    }

    /// Whether the stream of an experiment stays as it is.
    fn leaves_exposures(&self, experiment: &str, declared: &Declared) -> bool {
        let name = companion(EXPOSURES, experiment);
        let of = |declared: &Declared| {
            let stream = declared.relations.stream(&name)?;
            let rules: Vec<String> = stream.rules.rules().iter().map(|rule| rule.text.clone()).collect();
            Some((stream.topic.clone(), rules))
        };
        of(self.declared) == of(declared)
    }

    /// What bringing everything to these declarations would do once `before` is applied and its replays are over. For
    /// showing: applying begins with what is there.
    pub fn prepare_after(&self, before: &Prepared, declarations: Vec<Declaration>, told: &Told) -> Result<Prepared> {
        let reached = self.newest.map(|newest| before.reached(newest));
        let facts = Facts {
            definitions: before.definitions(),
            declared: &before.declared,
            all: &before.declared,
            newest: reached.as_ref(),
            log: self.log,
        };
        facts.prepare_with(declarations, told)
    }

    fn has_rows(&self, stream: &Stream) -> bool {
        let offsets = |partition| self.log.offsets(&stream.topic, partition);
        (0..stream.partitions).any(|partition| offsets(partition).is_ok_and(|offsets| offsets.end > 0))
    }

    /// Gives a new store to streams whose rows will be others, until all that read them have one too.
    fn give_stores(&self, wanted: &Named, proposal: &mut Proposal) -> Result<Declared> {
        loop {
            let declared = wanted.declare(&proposal.next)?;
            let mut given = false;
            for name in declared.relations.streams().map(|stream| &stream.name) {
                let differs = [self.declared, self.all].iter().any(|now| shares_store(now, &declared, name));
                if differs && let Some(definition) = proposal.next.by_name.get_mut(declared_by(name)) {
                    definition.generation += 1;
                    given = true;
                }
            }
            let refreshed = declared.relations.tables().filter(|table| table.is_refreshed());
            for after in refreshed {
                let has_other_columns = |now: &Declared| {
                    let before = now.relations.tables().find(|before| before.place == after.place);
                    let shape = |table: &Table| (table.schema.clone(), table.partitioned_by.clone());
                    before.is_some_and(|before| shape(before) != shape(after))
                };
                if [self.declared, self.all].into_iter().any(has_other_columns)
                    && let Some(definition) = proposal.next.by_name.get_mut(&after.name)
                {
                    definition.generation += 1;
                    given = true;
                }
            }
            if !given {
                return Ok(declared);
            }
        }
    }

    /// Remembers columns that go from streams and tables whose rows stay, and refuses to give their names again.
    fn note_dropped_columns(&self, declared: &Declared, proposal: &mut Proposal) -> Result<()> {
        let streams = declared.relations.streams().filter(|stream| stream.origin == Origin::Declared);
        let streams = streams.map(|after| {
            let before = self.declared.relations.stream(&after.name).filter(|before| before.topic == after.topic);
            (&after.name, before.map(|before| &before.schema), &after.schema)
        });
        let tables = declared.relations.tables().filter(|table| matches!(table.place, Place::Lake(_))).map(|after| {
            let mut before = self.declared.relations.tables().filter(|before| before.place == after.place);
            (&after.name, before.next().map(|before| &before.schema), &after.schema)
        });
        for (name, before, after) in streams.chain(tables) {
            let Some(definition) = proposal.next.by_name.get_mut(declared_by(name)) else { continue };
            let has = |name: &str| after.field_with_name(name).is_ok();
            match before {
                None => definition.dropped_columns.clear(),
                Some(before) => {
                    let names = before.fields().iter().map(|field| field.name().clone());
                    definition.dropped_columns.extend(names.filter(|name| !has(name)));
                }
            }
            // In the lake, as for other readers of Delta tables, names that differ in case alone are one.
            let is_again = |gone: &&String| after.fields().iter().any(|field| field.name().eq_ignore_ascii_case(gone));
            if let Some(again) = definition.dropped_columns.iter().find(is_again) {
                return Err(Error::Refused {
                    message: format!("{name} had a column {again} once, whose values would be seen again"),
                    hint: "give the column another name".to_owned(),
                });
            }
        }
        Ok(())
    }

    /// Offsets of the streams that a view reads.
    fn history_of(&self, declared: &Declared, view: &str) -> u64 {
        let part = declared.graph.part(|name| name == view);
        let partitions = part.inputs.iter().flat_map(|stream| (0..stream.partitions).map(move |each| (stream, each)));
        let ends = partitions.filter_map(|(stream, each)| self.log.offsets(&stream.topic, each).ok());
        ends.map(|offsets| offsets.end.max(0) as u64).sum()
    }
}

/// Whether two definitions of a name differ in words about it alone, or in whose it is.
fn says_the_same(before: &Definition, after: &Definition) -> bool {
    let words =
        |one: &Definition| Definition { comments: BTreeMap::new(), owner: Owner::Client, version: 0, ..one.clone() };
    words(before) == words(after)
}

fn paused(declared: &Declared) -> impl Iterator<Item = String> + '_ {
    declared.graph.outputs.iter().filter(|output| output.paused).map(|output| output.relation.clone())
}

/// A view that is behind and reads one that is paused: it would be made of rows that the other does not show.
fn reads_paused(declared: &Declared, behind: &[String]) -> Option<(String, String)> {
    behind.iter().find_map(|view| {
        let part = declared.graph.part(|each| each == view);
        let read = paused(declared).find(|name| part.nodes.iter().any(|node| node.relation == *name));
        Some((view.clone(), read?))
    })
}

/// Whether a stream would have the store of one that has other rows.
fn shares_store(now: &Declared, then: &Declared, name: &str) -> bool {
    let (Some(before), Some(after)) = (now.relations.stream(name), then.relations.stream(name)) else { return false };
    let fingerprint = |declared: &Declared| {
        let mut outputs = declared.graph.outputs.iter();
        outputs.find(|output| output.relation == name).map(|output| output.fingerprint.clone())
    };
    let other_rows = match &after.origin {
        Origin::Declared => evolve(before, after).is_err(),
        Origin::Derived { .. } => {
            let shape = |stream: &Stream| (stream.schema.clone(), stream.format, stream.partitions);
            shape(before) != shape(after)
        }
    };
    before.topic == after.topic && (other_rows || fingerprint(now) != fingerprint(then))
}
