//! Expectations of what an experiment is made of: where the last check of one failed, no figure may be believed, from then
//! on and until a check is met.

use std::collections::BTreeMap;

use super::Declared;
use crate::expectations::Suites;
use crate::runs::check::Record;

/// The results of the last check of each suite.
pub type Latest = BTreeMap<String, Vec<Record>>;

/// The suites that are about what an experiment is made of.
pub fn of<'a>(experiment: &'a Declared, suites: &'a [Suites]) -> impl Iterator<Item = &'a Suites> {
    suites.iter().filter(|suites| experiment.made_of.contains(&suites.suite.relation))
}

/// Why no figure may be believed, a reason for each suite whose last check failed.
pub fn unmet(experiment: &Declared, suites: &[Suites], latest: &Latest) -> Vec<String> {
    let reason = |suites: &Suites| {
        let (name, relation) = (&suites.suite.name, &suites.suite.relation);
        let records = latest.get(name)?;
        let unmet = records.iter().filter(|record| record.relation == *relation && is_unmet(record));
        let told: Vec<String> = unmet.map(|record| record.judged.to_string()).collect();
        (!told.is_empty()).then(|| format!("expectations {name} of {relation} are not met: {}", told.join("; ")))
    };
    of(experiment, suites).filter_map(reason).collect()
}

fn is_unmet(record: &Record) -> bool {
    !record.judged.success && record.judged.severity == "critical"
}

/// What was remembered last of each suite.
pub fn latest(all: impl IntoIterator<Item = Record>) -> Latest {
    let mut latest = Latest::new();
    for record in all {
        let records = latest.entry(record.suite.clone()).or_default();
        // Those of one run come together.
        records.retain(|before| before.run_id == record.run_id);
        records.push(record);
    }
    latest
}
