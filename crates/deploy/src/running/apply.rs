//! From one set of definitions to the next: shown and made from one plan.

use std::collections::BTreeMap;

use headwater_catalog::{Kind, Owner, Proposal};
use headwater_query::relation::{Stream, store};
use headwater_stream::engine::behind;

use super::{Ground, Running};
use crate::plan::{self, Plan};
use crate::resolve::{Declaration, Declared, Named};
use crate::{Result, stored};

/// A plan, and what it leads to.
pub struct Prepared {
    pub plan: Plan,
    declared: Declared,
    wanted: Named,
    proposal: Proposal,
}

impl Prepared {
    /// Everything as it will be.
    pub fn declared(&self) -> &Declared {
        &self.declared
    }
}

impl Running {
    /// What bringing the project's part to its files would do. What clients own stays as it is.
    pub fn plan_project(&mut self, declarations: Vec<Declaration>) -> Result<Prepared> {
        let declares = |name: &str| {
            declarations.iter().any(|each| each.parsed.statement.defines().is_some_and(|defined| defined.value == name))
        };
        let clients = self.definitions().iter().filter(|one| one.owner == Owner::Client && !declares(&one.name));
        let clients = clients.map(stored::declaration).collect::<Result<Vec<_>>>()?;
        self.plan(declarations.into_iter().chain(clients).collect())
    }

    /// What bringing everything to these declarations would do.
    pub fn plan(&mut self, declarations: Vec<Declaration>) -> Result<Prepared> {
        // What is there must be known to the last row.
        self.engine()?.settle()?;
        let wanted = Named::of(declarations)?;
        let mut proposal = self.definitions().propose_all(wanted.definitions());
        let outputs = self.outputs();
        let declared = self.give_stores(&wanted, &mut proposal)?;
        let newest = self.engine.as_ref().and_then(|engine| engine.newest());
        let behind: BTreeMap<String, u64> = behind(&declared.graph, newest, self.ground.log.as_ref())
            .into_iter()
            .map(|view| (view.clone(), self.history_of(&declared, &view)))
            .collect();
        let running = plan::Running {
            relations: &self.declared.relations,
            outputs: &outputs,
            behind: &behind,
            has_rows: &|stream| self.has_rows(stream),
        };
        let plan = plan::plan(&proposal, &wanted, &declared, &running)?;
        Ok(Prepared { plan, declared, wanted, proposal })
    }

    /// Makes the steps of a plan. Replays go on beside what runs when this returns.
    ///
    /// # Errors
    /// A conflict when the definitions have changed since it was made.
    pub fn apply(&mut self, prepared: Prepared) -> Result<Plan> {
        let Prepared { plan, wanted, proposal, .. } = prepared;
        if plan.is_empty() && proposal.is_empty() {
            return Ok(plan);
        }
        for step in &plan.steps {
            tracing::info!("{step}");
        }
        let ground = self.ground.clone();
        // All that came under the old definitions is archived under them.
        self.engine()?.settle()?;
        self.engine()?.flush_archives()?;
        ground.runtime.block_on(self.catalog.commit(proposal.next.clone(), ground.clock.now_us()))?;
        drop(self.engine.take());
        self.wanted = wanted;
        self.reopen()?;
        Ok(plan)
    }

    /// Gives a new store to streams whose rows will be others, until all that read them have one too.
    fn give_stores(&self, wanted: &Named, proposal: &mut Proposal) -> Result<Declared> {
        loop {
            let declared = wanted.declare(&proposal.next)?;
            let mut given = false;
            for name in declared.relations.streams().map(|stream| &stream.name) {
                let differs = [&self.declared, &self.all].iter().any(|now| shares_store(now, &declared, name));
                if differs && let Some(definition) = proposal.next.by_name.get_mut(name) {
                    definition.generation += 1;
                    given = true;
                }
            }
            if !given {
                return Ok(declared);
            }
        }
    }

    /// Offsets of the streams that a view reads.
    fn history_of(&self, declared: &Declared, view: &str) -> u64 {
        let part = declared.graph.part(|name| name == view);
        let partitions = part.inputs.iter().flat_map(|stream| (0..stream.partitions).map(move |each| (stream, each)));
        let ends = partitions.filter_map(|(stream, each)| self.ground.log.offsets(&stream.topic, each).ok());
        ends.map(|offsets| offsets.end.max(0) as u64).sum()
    }

    /// Deletes stores that nobody wants any more: those of names that are gone, and those that were replaced. Archives
    /// of declared streams stay.
    pub(super) fn sweep(&self) -> Result<()> {
        let topics = self.ground.log.topics().map_err(headwater_stream::Error::from)?;
        let used: Vec<&String> =
            [&self.declared, &self.all].iter().flat_map(|each| each.relations.streams()).map(|each| &each.topic).collect();
        let definitions = self.definitions();
        let gone = definitions.retired.iter().map(|(name, retired)| (name, retired.kind, retired.generation));
        let there = definitions.iter().map(|one| (&one.name, one.kind, one.generation));
        for (name, kind, generation) in gone.chain(there).filter(|(_, kind, _)| *kind != Kind::Source) {
            for topic in (0..=generation).map(|generation| store(name, generation)) {
                if !used.contains(&&topic) && topics.iter().any(|each| each.name == topic) {
                    self.remove_store(&topic, kind)?;
                }
            }
        }
        Ok(())
    }

    /// The archive first: as long as the topic is there, the removal is tried again.
    pub(super) fn remove_store(&self, topic: &str, kind: Kind) -> Result<()> {
        let Ground { log, lake, runtime, .. } = &self.ground;
        if kind == Kind::View {
            runtime.block_on(lake.remove_archive(topic)).map_err(headwater_stream::Error::from)?;
        } else {
            runtime.block_on(lake.remove_empty_archive(topic)).or_else(|kept| match kept {
                headwater_lake::Error::NotEmpty { .. } => Ok(()),
                other => Err(headwater_stream::Error::from(other)),
            })?;
        }
        Ok(log.delete_topic(topic).map_err(headwater_stream::Error::from)?)
    }
}

/// Whether a stream would have the store of one that has other rows.
fn shares_store(now: &Declared, then: &Declared, name: &str) -> bool {
    let (Some(before), Some(after)) = (now.relations.stream(name), then.relations.stream(name)) else { return false };
    let fingerprint = |declared: &Declared| {
        let mut outputs = declared.graph.outputs.iter();
        outputs.find(|output| output.relation == name).map(|output| output.fingerprint.clone())
    };
    let shape = |stream: &Stream| (stream.schema.clone(), stream.format, stream.partitions);
    before.topic == after.topic && (shape(before) != shape(after) || fingerprint(now) != fingerprint(then))
}
