//! What must be true of examples/retail: the published facts of its data, and the agreements
//! between its relations that hold for any data.
//!
//! The facts come from the data's own description, not from an earlier run of ours.

mod project;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::csv;
use crate::node::{Binary, Start};
use crate::shell;

pub use project::views;

/// (what, query, value) over the 305 daily files of UCI Online Retail.
const FACTS: &[(&str, &str, &str)] = &[
    ("rows of sales", "SELECT count(*) FROM sales", "541909"),
    ("sum of sales", "SELECT sum(quantity * unitprice) FROM sales", "9747747.934"),
    ("invoices", "SELECT count(DISTINCT invoiceno) FROM sales", "25900"),
    ("stock codes", "SELECT count(DISTINCT stockcode) FROM sales", "4070"),
    ("customers", "SELECT count(DISTINCT customerid) FROM sales", "4372"),
    ("countries", "SELECT count(DISTINCT country) FROM sales", "38"),
    ("rows without a customer", "SELECT count(*) FROM sales WHERE customerid IS NULL", "135080"),
    ("rows without a description", "SELECT count(*) FROM sales WHERE description IS NULL", "1454"),
    ("rows on cancelled invoices", "SELECT count(*) FROM sales WHERE invoiceno LIKE 'C%'", "9288"),
    ("first event", "SELECT CAST(min(invoicedate) AS VARCHAR) FROM sales", "2010-12-01T08:26:00Z"),
    ("last event", "SELECT CAST(max(invoicedate) AS VARCHAR) FROM sales", "2011-12-09T12:50:00Z"),
    ("rows of sales_clean", "SELECT count(*) FROM sales_clean", "541907"),
    ("sum of sales_clean", "SELECT sum(quantity * unitprice) FROM sales_clean", "9769872.054"),
    ("dead letters", "SELECT count(*) FROM system.dead_letters", "2"),
    (
        "dead letters of the rule",
        "SELECT count(*) FROM system.dead_letters WHERE relation = 'sales_clean' AND rule = 'price_is_not_negative'",
        "2",
    ),
    ("archived rows of sales", "SELECT count(*) FROM archive.sales", "541909"),
    ("archived sum of sales", "SELECT sum(quantity * unitprice) FROM archive.sales", "9747747.934"),
    ("archived rows of sales_clean", "SELECT count(*) FROM archive.sales_clean", "541907"),
    ("archived sum of sales_clean", "SELECT sum(quantity * unitprice) FROM archive.sales_clean", "9769872.054"),
];

/// Streams that are archived.
pub const ARCHIVED: [&str; 2] = ["sales", "sales_clean"];

/// Queries that answer the same number at any moment, when each is read in one epoch.
/// Written as one query each, so that a running node answers from one epoch.
const AGREEMENTS: &[(&str, &str)] = &[
    (
        "sales = sales_clean + dead letters",
        "SELECT (SELECT count(*) FROM sales) - (SELECT count(*) FROM sales_clean) \
         - (SELECT count(*) FROM system.dead_letters)",
    ),
    (
        "rows of sales_clean = lines of revenue_by_country",
        "SELECT (SELECT count(*) FROM sales_clean) - (SELECT coalesce(sum(lines), 0) FROM revenue_by_country)",
    ),
    (
        "rows of sales_clean = lines of revenue_by_hour",
        "SELECT (SELECT count(*) FROM sales_clean) - (SELECT coalesce(sum(lines), 0) FROM revenue_by_hour)",
    ),
    (
        "revenue by country = revenue by hour",
        "SELECT (SELECT coalesce(sum(revenue), 0) FROM revenue_by_country) \
         - (SELECT coalesce(sum(revenue), 0) FROM revenue_by_hour)",
    ),
];

/// Seconds from the first event of the real data to its last.
const SPAN_S: f64 = 32_243_040.0;

/// Rows that the example's generator makes unless told otherwise.
const GENERATED_ROWS: f64 = 200_000.0;

/// The folder of the daily files: below `--data`, or beside the project.
pub fn daily_files(data: Option<&Path>) -> Result<Option<PathBuf>> {
    let beside = shell::root().join("../shared/data");
    let folder = data.unwrap_or(&beside).join("online_retail");
    match (folder.is_dir(), data) {
        (true, _) => Ok(Some(folder.canonicalize()?)),
        (false, None) => Ok(None),
        (false, Some(_)) => bail!("there is no {}", folder.display()),
    }
}

/// A node over examples/retail; without daily files its own generator feeds it.
pub fn start(data_dir: &Path, daily_files: Option<&Path>) -> Start {
    let start = Start::new(shell::root().join("examples/retail"), data_dir);
    match daily_files {
        Some(folder) => start.set("data", folder.display()),
        None => start,
    }
}

/// The same node, fed so that all rows take about `seconds`.
pub fn paced(data_dir: &Path, daily_files: Option<&Path>, seconds: f64) -> Start {
    let start = start(data_dir, daily_files);
    match daily_files {
        Some(_) => start.set("speed", format!("{:.0}", SPAN_S / seconds)),
        None => start.set("rate", format!("{:.0}", GENERATED_ROWS / seconds)),
    }
}

/// What was checked and what was found otherwise.
#[derive(Debug, Default)]
pub struct Report {
    pub passed: usize,
    pub failures: Vec<String>,
}

impl Report {
    pub fn check(&mut self, what: &str, found: Result<String>, wanted: &str) {
        match found {
            Ok(found) if csv::normal(&found) == csv::normal(wanted) => self.passed += 1,
            Ok(found) => self.failures.push(format!("{what}: {found}, should be {wanted}")),
            Err(error) => self.failures.push(format!("{what}: {error:#}")),
        }
    }

    /// Prints the failures; any is an error.
    pub fn close(self, name: &str) -> Result<usize> {
        for failure in &self.failures {
            println!("FAILED {name}: {failure}");
        }
        if !self.failures.is_empty() {
            bail!("{name}: {} of {} checks failed", self.failures.len(), self.passed + self.failures.len());
        }
        println!("{name}: {} checks passed", self.passed);
        Ok(self.passed)
    }
}

/// One value from a query of one row and one column.
pub fn value(binary: &Binary, data_dir: &Path, query: &str) -> Result<String> {
    let rows = binary.sql(data_dir, query)?;
    match &rows[..] {
        [row] if row.len() == 1 => Ok(row[0].clone()),
        _ => bail!("`{query}` answered {} rows, not one value", rows.len()),
    }
}

/// The published facts, from a data folder whose node has finished.
pub fn check_facts(binary: &Binary, data_dir: &Path, report: &mut Report) {
    for (what, query, wanted) in FACTS {
        report.check(what, value(binary, data_dir, query), wanted);
    }
}

/// What holds over any data once a node has finished: views equal their queries, archives hold
/// each row once, and relations agree with each other.
pub fn check_invariants(binary: &Binary, data_dir: &Path, report: &mut Report) -> Result<()> {
    check_agreements(binary, data_dir, report);
    for stream in ARCHIVED {
        let twice = format!(
            "SELECT count(*) FROM (SELECT _partition, _offset FROM archive.{stream} \
             GROUP BY _partition, _offset HAVING count(*) > 1)"
        );
        report.check(&format!("rows twice in archive.{stream}"), value(binary, data_dir, &twice), "0");
        let behind = format!("SELECT (SELECT count(*) FROM {stream}) - (SELECT count(*) FROM archive.{stream})");
        report.check(&format!("rows missing in archive.{stream}"), value(binary, data_dir, &behind), "0");
    }
    for (view, query) in views(&shell::root().join("examples/retail"))? {
        let found = differing_rows(binary, data_dir, &view, &query).map(|rows| rows.to_string());
        report.check(&format!("rows in which {view} differs from its query in batch"), found, "0");
    }
    Ok(())
}

/// Agreements that hold at any moment, also while a node runs.
pub fn check_agreements(binary: &Binary, data_dir: &Path, report: &mut Report) {
    for (what, query) in AGREEMENTS {
        report.check(what, value(binary, data_dir, query), "0");
    }
}

/// Every row of every relation, for comparing two runs that were fed the same.
/// Where and when a row was appended may differ between runs, so the archives' own columns stay out.
pub fn contents(binary: &Binary, data_dir: &Path) -> Result<BTreeMap<String, Vec<Vec<String>>>> {
    let mut contents = BTreeMap::new();
    let views = views(&shell::root().join("examples/retail"))?;
    for relation in ["sales".to_string()].into_iter().chain(views.into_iter().map(|(view, _)| view)) {
        contents.insert(relation.clone(), sorted_rows(binary, data_dir, &format!("SELECT * FROM {relation}"))?);
    }
    let letters = "SELECT relation, reason, rule, record FROM system.dead_letters";
    contents.insert("system.dead_letters".to_string(), sorted_rows(binary, data_dir, letters)?);
    Ok(contents)
}

/// Compares the contents of two runs, relation by relation.
pub fn check_same_contents(
    one: &BTreeMap<String, Vec<Vec<String>>>,
    other: &BTreeMap<String, Vec<Vec<String>>>,
    report: &mut Report,
) {
    for (relation, rows) in one {
        let found = other.get(relation).map(|others| differences(rows, others).to_string());
        report.check(
            &format!("rows of {relation} that differ from the run without kills ({} rows)", rows.len()),
            found.context("the relation is missing"),
            "0",
        );
    }
}

fn differing_rows(binary: &Binary, data_dir: &Path, view: &str, query: &str) -> Result<usize> {
    // A rule on the view takes rows out of it that its query alone would give.
    if view == "sales_clean" {
        let kept = format!("SELECT * FROM ({query}) AS clean WHERE NOT (unitprice < 0)");
        return Ok(differences(
            &sorted_rows(binary, data_dir, "SELECT * FROM sales_clean")?,
            &sorted_rows(binary, data_dir, &kept)?,
        ));
    }
    let live = sorted_rows(binary, data_dir, &format!("SELECT * FROM {view}"))?;
    let batch = sorted_rows(binary, data_dir, query)?;
    if batch.is_empty() {
        bail!("the query of {view} answers no row");
    }
    Ok(differences(&live, &batch))
}

fn sorted_rows(binary: &Binary, data_dir: &Path, query: &str) -> Result<Vec<Vec<String>>> {
    let mut rows = binary.sql(data_dir, query)?;
    for field in rows.iter_mut().flatten() {
        *field = csv::normal(field);
    }
    rows.sort();
    Ok(rows)
}

/// How many rows two sorted lists don't share, duplicates counted.
fn differences(one: &[Vec<String>], other: &[Vec<String>]) -> usize {
    let (mut i, mut j, mut differing) = (0, 0, 0);
    while i < one.len() && j < other.len() {
        match one[i].cmp(&other[j]) {
            std::cmp::Ordering::Equal => (i, j) = (i + 1, j + 1),
            std::cmp::Ordering::Less => (i, differing) = (i + 1, differing + 1),
            std::cmp::Ordering::Greater => (j, differing) = (j + 1, differing + 1),
        }
    }
    differing + (one.len() - i) + (other.len() - j)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_count_duplicates() {
        let rows = |texts: &[&str]| texts.iter().map(|t| vec![t.to_string()]).collect::<Vec<_>>();
        assert_eq!(differences(&rows(&["a", "b"]), &rows(&["a", "b"])), 0);
        assert_eq!(differences(&rows(&["a", "b", "b"]), &rows(&["b", "c"])), 3);
        assert_eq!(differences(&rows(&[]), &rows(&["b", "c"])), 2);
    }
}
