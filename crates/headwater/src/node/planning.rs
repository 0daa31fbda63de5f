//! What a change of definitions would do: for those who ask for a plan, and for applying, which makes the same plan.

use std::collections::BTreeMap;
use std::sync::Arc;

use headwater_base::ErrorKind;
use headwater_catalog::Owner;
use headwater_deploy::running::{Prepared, Told};
use headwater_deploy::{Declaration, resolve};
use headwater_gateway::{Planned, Problem};
use headwater_sql::{Diagnostics, Parsed, SourceText};
use headwater_stream::graph::Graph;

use super::Node;
use super::wanted::{self, Known, Wanted};

/// Whose statements are planned.
pub enum ToPlan {
    /// All of a project's.
    Project(Vec<Parsed>),
    /// Some of a client's, one after the other.
    Statements(Vec<Parsed>),
}

/// What a client's statement comes to.
pub struct Proposed {
    /// `None` where nothing is declared anew.
    pub prepared: Option<Prepared>,
    pub notices: Vec<String>,
}

impl Node {
    /// What statements would do. Nothing is done.
    pub(super) fn plan(&mut self, what: ToPlan) -> Result<Planned, Problem> {
        let statements = match what {
            ToPlan::Project(statements) => {
                let prepared = self.running.plan_project(resolve::project(statements))?;
                return Ok(Planned { steps: prepared.plan.steps, notices: Vec::new() });
            }
            ToPlan::Statements(statements) => statements,
        };
        let mut planned = Planned::default();
        let mut last: Option<Prepared> = None;
        for statement in &statements {
            let Proposed { prepared, notices } = self.propose(statement, last.as_ref())?;
            planned.notices.extend(notices);
            planned.steps.extend(prepared.iter().flat_map(|prepared| prepared.plan.steps.iter().cloned()));
            last = prepared.or(last);
        }
        Ok(planned)
    }

    /// What a client's statement does to what is declared, or will be once `after` is applied.
    pub(super) fn propose(&mut self, statement: &Parsed, after: Option<&Prepared>) -> Result<Proposed, Problem> {
        let known = match after {
            None => Known { definitions: self.running.definitions(), relations: &self.running.all().relations },
            Some(before) => Known { definitions: before.definitions(), relations: &before.declared().relations },
        };
        let Wanted { declarations, purged, told, notices } = wanted::wanted(statement, &known)?;
        let mut prepared = match (declarations, after) {
            (None, _) => None,
            (Some(declarations), None) => Some(self.running.plan(declarations, &told)?),
            (Some(declarations), Some(before)) => Some(self.running.plan_after(before, declarations, &told)?),
        };
        if let Some(prepared) = &mut prepared {
            prepared.purge(&purged);
        }
        Ok(Proposed { prepared, notices })
    }

    /// The graph that there would be with the view that a statement explains.
    pub(super) fn planned_graph(&mut self, explained: &Parsed) -> Result<Arc<Graph>, Problem> {
        let text = headwater_sql::canonical(&explained.text).map_err(Diagnostics::from)?;
        let text = text.strip_prefix("explain ").unwrap_or(&text);
        let create = headwater_sql::parse(&SourceText::new(explained.source.name.clone(), text))?.pop();
        let create = create.ok_or_else(|| Problem::new(ErrorKind::Internal, "nothing is explained"))?;
        let name = create.statement.defines().map(|name| name.value.clone()).unwrap_or_default();
        let known = Known { definitions: self.running.definitions(), relations: &self.running.all().relations };
        let mut declarations = known.others(&name)?;
        let parsed = wanted::plain(&create)?;
        declarations.push(Declaration { parsed, owner: Owner::Client, comments: BTreeMap::new() });
        Ok(Arc::clone(&self.running.plan(declarations, &Told::new())?.declared().graph))
    }
}
