//! From one set of definitions to the next: shown and made from one plan.

use std::sync::Arc;

use headwater_catalog::Kind;
use headwater_log::Topic;
use headwater_query::relation::{EXPOSURES, HISTORY, Place, companion, store};

use super::prepare::{Facts, Prepared, Told};
use super::{Ground, Running, open_tables, seat};
use crate::Result;
use crate::plan::Plan;
use crate::resolve::{Declaration, Declared};

impl Running {
    /// What bringing the project's part to its files would do. What clients own stays as it is.
    pub fn plan_project(&mut self, declarations: Vec<Declaration>) -> Result<Prepared> {
        // What is there must be known to the last row.
        self.engine()?.settle()?;
        self.facts().prepare_project(declarations)
    }

    /// What bringing everything to these declarations would do, and what some views are told beside.
    pub fn plan(&mut self, declarations: Vec<Declaration>, told: &Told) -> Result<Prepared> {
        self.engine()?.settle()?;
        self.facts().prepare_with(declarations, told)
    }

    /// What bringing everything to these declarations would do once `before` is applied; see [`Facts::prepare_after`].
    pub fn plan_after(&self, before: &Prepared, declarations: Vec<Declaration>, told: &Told) -> Result<Prepared> {
        self.facts().prepare_after(before, declarations, told)
    }

    fn facts(&self) -> Facts<'_> {
        Facts {
            definitions: self.definitions(),
            declared: &self.declared,
            all: &self.all,
            newest: self.engine.as_ref().and_then(|engine| engine.newest()),
            log: self.ground.log.as_ref(),
        }
    }

    /// Makes the steps of a plan. Replays go on beside what runs when this returns.
    ///
    /// # Errors
    /// A conflict when the definitions have changed since it was made.
    pub fn apply(&mut self, prepared: Prepared) -> Result<Plan> {
        let Prepared { plan, declared, running, wanted, mut proposal, leaves_engine } = prepared;
        if plan.is_empty() && proposal.is_empty() {
            return Ok(plan);
        }
        proposal.next.steps = plan.steps.iter().map(ToString::to_string).collect();
        for step in &proposal.next.steps {
            tracing::info!("{step}");
        }
        let ground = self.ground.clone();
        if !leaves_engine {
            // All that came under the old definitions is archived under them.
            self.engine()?.settle()?;
            self.engine()?.flush_archives()?;
        }
        ground.runtime.block_on(self.catalog.commit(proposal.next.clone(), ground.clock.now_us()))?;
        self.wanted = wanted;
        if leaves_engine {
            // What is half changed stops the node, as an engine that does not open does: starting again makes the rest.
            self.change_around(declared, running).inspect_err(|_| self.engine = None)?;
        } else {
            self.passed = self.engine.take().map(|engine| engine.passed());
            self.reopen()?;
        }
        Ok(plan)
    }

    /// Exchanges what stands around the engine. It goes on, and so does a replay.
    fn change_around(&mut self, all: Declared, declared: Declared) -> Result<()> {
        open_tables(&self.ground, &declared)?;
        // The engine's own.
        let graph = Arc::clone(&self.declared.graph);
        (self.all, self.declared) = (all, Declared { graph, ..declared });
        seat(&self.models, &self.ground, &self.declared, &self.all);
        self.version += 1;
        self.sweep()
    }

    /// Deletes stores that nobody wants any more: those of names that are gone, and those that were replaced. Archives
    /// of declared streams stay.
    pub(super) fn sweep(&self) -> Result<()> {
        let topics = self.ground.log.topics().map_err(headwater_stream::Error::from)?;
        let used: Vec<&String> = [&self.declared, &self.all]
            .iter()
            .flat_map(|each| each.relations.streams())
            .map(|each| &each.topic)
            .collect();
        let definitions = self.definitions();
        let tables: Vec<&Place> = self.declared.relations.tables().map(|table| &table.place).collect();
        let gone = definitions.retired.iter();
        let gone = gone.map(|(name, retired)| (name, retired.kind, retired.generation, retired.purged));
        let there = definitions.iter().map(|one| (&one.name, one.kind, one.generation, false));
        for (name, kind, generation, purged) in gone.chain(there) {
            if kind == Kind::FeatureView {
                self.sweep_companion(&companion(HISTORY, name), generation, Archive::Goes, &topics, &used)?;
            }
            if kind == Kind::Experiment {
                let archive = if purged { Archive::Goes } else { Archive::Stays };
                self.sweep_companion(&companion(EXPOSURES, name), generation, archive, &topics, &used)?;
            }
            if !matches!(kind, Kind::Stream | Kind::View | Kind::Alert | Kind::ScheduledView | Kind::Table) {
                continue;
            }
            let is_view = kind.is_maintained() || kind == Kind::ScheduledView;
            let archive = if is_view || purged { Archive::Goes } else { Archive::Stays };
            for topic in (0..=generation).map(|generation| store(name, generation)) {
                // A view that has come to be refreshed by runs, or is not any more, has left the other store.
                if kind != Kind::Stream && (!kind.is_maintained() || generation > 0) {
                    if !tables.contains(&&Place::Lake(topic.clone())) {
                        self.ground.runtime.block_on(self.ground.tables.remove(&topic))?;
                    }
                    if kind == Kind::Table {
                        continue;
                    }
                }
                if !used.contains(&&topic) && topics.iter().any(|each| each.name == topic) {
                    self.remove_store(&topic, archive)?;
                }
            }
        }
        Ok(())
    }

    /// Deletes the stores of a stream that belongs to an object, but for those that are used.
    fn sweep_companion(
        &self,
        name: &str,
        generation: u64,
        archive: Archive,
        topics: &[Topic],
        used: &[&String],
    ) -> Result<()> {
        let stores = (0..=generation).map(|generation| store(name, generation));
        let mut left = stores.filter(|topic| !used.contains(&topic) && topics.iter().any(|each| each.name == *topic));
        left.try_for_each(|topic| self.remove_store(&topic, archive))
    }

    /// The archive first: as long as the topic is there, the removal is tried again.
    pub(super) fn remove_store(&self, topic: &str, archive: Archive) -> Result<()> {
        let Ground { log, lake, runtime, .. } = &self.ground;
        if archive == Archive::Goes {
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

/// What becomes of the archive of rows that go from the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Archive {
    Goes,
    Stays,
}
