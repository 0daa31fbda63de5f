//! What is done to a plan before it is optimised: DataFusion's analysis, and ours for what it lacks or gets wrong.

use std::sync::Arc;

use datafusion::optimizer::{Analyzer, AnalyzerRule};

use super::grouping::GroupingSetsByUnnest;
use super::subquery::NotInTakenApart;
use crate::asof::node::AsofJoins;
use crate::json::JsonAsText;
use crate::window::session::SessionsByWindowFunctions;

type Rules = Vec<Arc<dyn AnalyzerRule + Send + Sync>>;

/// For views, whose plans the stream engine reads.
pub fn view_analysis() -> Rules {
    let mut rules = Analyzer::new().rules;
    // Behind the rule that asks which grouping set a row is of, before types are made to agree.
    let behind = rules.iter().position(|rule| rule.name() == "resolve_grouping_function").map_or(0, |at| at + 1);
    rules.insert(behind, Arc::new(GroupingSetsByUnnest));
    rules.insert(0, Arc::new(NotInTakenApart));
    rules.insert(0, Arc::new(AsofJoins));
    rules.push(Arc::new(JsonAsText));
    rules
}

/// For queries that DataFusion runs.
pub fn query_analysis() -> Rules {
    let mut rules = view_analysis();
    let first = rules.iter().position(|rule| rule.name() == "asof_joins").map_or(0, |at| at + 1);
    rules.insert(first, Arc::new(SessionsByWindowFunctions));
    rules
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn datafusion_still_has_the_rule_that_ours_follows() {
        let rules = view_analysis();
        let names: Vec<&str> = rules.iter().map(|rule| rule.name()).collect();
        let at = names.iter().position(|name| *name == "grouping_sets_by_unnest");
        assert_eq!(at.map(|at| names[at - 1]), Some("resolve_grouping_function"), "{names:?}");
    }
}
