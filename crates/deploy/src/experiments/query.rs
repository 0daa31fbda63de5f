//! What an analysis asks, as SQL: how many units have which variant, and a row for each of them and metric.
//!
//! Units and variants are compared as text. A unit's exposure is its first. One that was seen with two variants, or was
//! forced into one, is in no metric; how many there are is told.

use headwater_experiment::result::Kind;
use headwater_query::relation::features::quoted;
use headwater_sql::duration_text;

use super::{Declared, Exposures, Measured};

pub fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// One row: units that were forced, units with several variants, and by variant those that count, in the order of the
/// declaration.
pub fn counts(experiment: &Declared) -> String {
    let of = |condition: &str| format!("count(*) FILTER (WHERE {condition})");
    let mut columns = vec![of("forced"), of("NOT forced AND low <> high")];
    columns.extend(experiment.assigning.variants().iter().map(|variant| {
        let variant = literal(variant);
        of(&format!("NOT forced AND low = {variant} AND high = {variant}"))
    }));
    format!("SELECT {} FROM ({}) AS e", columns.join(", "), exposed(experiment))
}

/// One row: how many rows of exposures that others make say no unit, or no variant of the experiment. None of its own:
/// these are dead letters.
pub fn unknown(experiment: &Declared) -> Option<String> {
    let Exposures::Elsewhere { relation, variant, .. } = &experiment.exposures else { return None };
    let (variant, unit) = (quoted(variant), quoted(&experiment.unit));
    Some(format!(
        "SELECT count(*) FROM {} WHERE {unit} IS NULL OR {variant} IS NULL OR CAST({variant} AS VARCHAR) NOT IN ({})",
        quoted(relation),
        variants(experiment)
    ))
}

/// A row for each unit that counts: the place of its variant, its value, its denominator where the metric is a ratio, and
/// its value from before where there is one. NULL is nothing.
pub fn units(experiment: &Declared, metric: &Measured) -> String {
    let is_proportion = metric.meaning.kind == Kind::Proportion;
    let after = metric.timestamp.as_ref().map(|_| "r.happened >= u.since".to_owned());
    let of = |column: &str, when: Option<&str>| match (is_proportion, when) {
        (true, None) => format!("CAST(max(CASE WHEN {column} THEN 1 ELSE 0 END) AS DOUBLE)"),
        (true, Some(when)) => format!("CAST(max(CASE WHEN {column} AND {when} THEN 1 ELSE 0 END) AS DOUBLE)"),
        (false, None) => format!("sum(CAST({column} AS DOUBLE))"),
        (false, Some(when)) => format!("sum(CASE WHEN {when} THEN CAST({column} AS DOUBLE) END)"),
    };
    let mut columns = vec!["u.place AS place".to_owned(), of("r.value", after.as_deref())];
    columns.extend(metric.denominator.as_ref().map(|_| of("r.denominator", after.as_deref())));
    if let Some(length) = metric.cuped {
        let length = duration_text(length);
        let before = format!("r.happened < u.since AND r.happened >= u.since - INTERVAL '{length}'");
        columns.push(of("r.value", Some(&before)));
    }
    let places = experiment.assigning.variants().iter().enumerate();
    let places = places.map(|(place, variant)| format!("WHEN {} THEN {place}", literal(variant)));
    let mut row = vec![format!("CAST({} AS VARCHAR) AS unit", quoted(&metric.unit))];
    row.extend(metric.timestamp.as_ref().map(|time| format!("CAST({} AS TIMESTAMP) AS happened", quoted(time))));
    row.push(format!("({}) AS value", metric.value));
    row.extend(metric.denominator.as_ref().map(|denominator| format!("({denominator}) AS denominator")));
    let condition = metric.condition.as_ref().map(|condition| format!(" WHERE ({condition})")).unwrap_or_default();
    format!(
        "SELECT {columns} FROM (SELECT unit, since, CASE low {places} END AS place FROM ({exposed}) AS e WHERE NOT forced AND \
         low = high) AS u LEFT JOIN (SELECT {row} FROM {relation}{condition}) AS r ON r.unit = u.unit \
         GROUP BY u.unit, u.place",
        columns = columns.join(", "),
        places = places.collect::<Vec<_>>().join(" "),
        exposed = exposed(experiment),
        row = row.join(", "),
        relation = quoted(&metric.relation),
    )
}

/// A row for each unit with a variant of the experiment.
fn exposed(experiment: &Declared) -> String {
    let among = variants(experiment);
    match &experiment.exposures {
        Exposures::Own(_) => format!(
            "SELECT unit, min(variant) AS low, max(variant) AS high, min(exposed_at) AS since, \
             bool_or(coalesce(forced, false)) AS forced FROM exposures.{} WHERE variant IN ({among}) GROUP BY unit",
            quoted(&experiment.name)
        ),
        Exposures::Elsewhere { relation, variant, timestamp } => {
            let variant = format!("CAST({} AS VARCHAR)", quoted(variant));
            let since = timestamp.as_ref().map_or("CAST(NULL AS TIMESTAMP)".to_owned(), |time| {
                format!("min(CAST({} AS TIMESTAMP))", quoted(time))
            });
            let unit = quoted(&experiment.unit);
            format!(
                "SELECT CAST({unit} AS VARCHAR) AS unit, min({variant}) AS low, max({variant}) AS high, {since} AS since, \
                 false AS forced FROM {} WHERE {unit} IS NOT NULL AND {variant} IN ({among}) GROUP BY CAST({unit} AS VARCHAR)",
                quoted(relation)
            )
        }
    }
}

fn variants(experiment: &Declared) -> String {
    experiment.assigning.variants().iter().map(|variant| literal(variant)).collect::<Vec<_>>().join(", ")
}
