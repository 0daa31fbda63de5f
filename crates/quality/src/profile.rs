//! What the rows of a relation are like: a row for each of its columns, from one scan.
//!
//! Counts are exact. Different values are exact up to [`VALUES_MAX`] and estimated beyond; quantiles are exact for some
//! hundred thousand numbers and estimated beyond.

use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, Float64Array, Int64Array, RecordBatch, StringViewArray};
use arrow::datatypes::{Field, Schema};
use headwater_query::Session;
use headwater_query::relation::Relation;
use headwater_query::sqltype::sql_name;
use headwater_sql::ast::Profile;
use headwater_sql::{Diagnostic, Fault, SourceText};

use crate::column::{Class, Column};
use crate::measure::predicate::Predicate;
use crate::measure::rows::{Missing, RowRule};
use crate::measure::spread::{Histogram, Spread};
use crate::measure::values::Counts;
use crate::measure::{Measure, Planned, State};
use crate::scan::{Scan, quoted};
use crate::{Error, Result};

/// Different values of a column that are counted one by one.
pub const VALUES_MAX: usize = 1 << 16;
/// Values that are shown with how often they are there.
const TOP: usize = 10;
/// Ranges of a histogram.
const RANGES: usize = 20;
/// Numeric columns that are compared with each other; a pair of them takes a look at each row.
const CORRELATED_MAX: usize = 32;
/// A column with up to so many values is one of classes, which can be in balance.
const CLASSES_MAX: usize = 50;

const QUANTILES: [(&str, f64); 5] = [("q05", 0.05), ("q25", 0.25), ("median", 0.5), ("q75", 0.75), ("q95", 0.95)];

// From where on a column is told of. Those of correlation and imbalance are as in ydata-profiling 4.
const CORRELATION_HIGH: f64 = 0.9;
const IMBALANCE_HIGH: f64 = 0.5;
const NULLS_HIGH: f64 = 0.5;
/// A common rule of thumb of regression: fewer rows for a feature than that teach a model little.
const ROWS_PER_FEATURE: f64 = 10.0;

/// A profile, and when the rows were as they were looked at (microseconds UTC).
#[derive(Debug, Clone)]
pub struct Profiled {
    pub rows: RecordBatch,
    pub as_of_us: i64,
}

/// Looks at all rows of a relation once.
pub async fn profile(session: &Session, profile: &Profile, source: &SourceText) -> Result<Profiled> {
    let name = &profile.relation;
    let (relations, refuse) = (&session.sources().relations, |message: String| {
        Diagnostic::new(source.clone(), name.span(), message).with_fault(Fault::NoRelation)
    });
    if let Some(schema) = &name.schema {
        let refused = refuse(format!("{schema}.{} can't be profiled", name.name));
        return Err(refused.with_hint("PROFILE takes a stream, a table or a view").into());
    }
    let Some(relation) = relations.get(&name.name.value) else {
        let refused = refuse(format!("there is no relation {name}"));
        return Err(match headwater_sql::nearest(&name.name.value, relations.names()) {
            Some(near) => refused.with_hint(format!("did you mean {near}?")).into(),
            None => refused.into(),
        });
    };
    let scan = Arc::new(scan(&relation));
    let measured = scan.run(session).await?;
    let rows = rows(&scan, measured.states)?;
    Ok(Profiled { rows, as_of_us: measured.as_of_us })
}

/// First the number of rows and the correlations, then the measures of each column.
fn scan(relation: &Relation) -> Scan {
    let columns: Vec<Column> = relation.schema().fields().iter().map(|field| Column::of(field)).collect();
    let mut measures = vec![Measure::Count, Measure::Correlations(correlated(&columns))];
    for (place, column) in columns.iter().enumerate() {
        let present = RowRule { missing: Missing::None, predicate: Predicate::NotNull(place), shown: Vec::new() };
        measures.push(Measure::Rows(Arc::new(present)));
        if column.class == Class::Other {
            continue;
        }
        measures.extend([Measure::CountsUpTo(place, VALUES_MAX), Measure::Distinct(place), Measure::Extremes(place)]);
        if column.is_number() {
            measures.push(Measure::Numbers(place));
        }
        if column.is_number() || column.is_time() {
            measures.push(Measure::Spread(place));
        }
    }
    let measures = measures.into_iter().map(|measure| Planned { measure, condition: None }).collect();
    Scan { relation: quoted(relation.name()), condition: None, columns, conditions: Vec::new(), measures }
}

fn correlated(columns: &[Column]) -> Vec<usize> {
    let numbers = columns.iter().enumerate().filter(|(_, column)| column.is_number());
    numbers.map(|(place, _)| place).take(CORRELATED_MAX).collect()
}

/// What is known of a column.
#[derive(Default)]
struct Row {
    is_time: bool,
    nulls: u64,
    distinct: Option<u64>,
    is_exact: bool,
    least: Option<String>,
    greatest: Option<String>,
    mean: Option<f64>,
    stdev: Option<f64>,
    quantiles: [Option<f64>; QUANTILES.len()],
    histogram: Option<String>,
    top: Option<String>,
    imbalance: Option<f64>,
    correlated: Option<(String, f64)>,
    warnings: Vec<String>,
}

fn rows(scan: &Scan, states: Vec<State>) -> Result<RecordBatch> {
    let mut states = states.into_iter();
    let (Some(State::Count(count)), Some(State::Correlations(correlations))) = (states.next(), states.next()) else {
        return Err(Error::Internal("a profile lacks its first measures".to_owned()));
    };
    let mut rows: Vec<Row> = scan.columns.iter().map(Row::of).collect();
    // Each column's measures begin with its nulls.
    let mut place = 0;
    for state in states {
        if let State::Rows(of) = &state {
            place += 1;
            rows[place - 1].nulls = of.unexpected;
        } else {
            rows[place - 1].take(state)?;
        }
    }
    let compared = correlated(&scan.columns);
    let pairs =
        compared.iter().enumerate().flat_map(|(at, one)| compared[at + 1..].iter().map(move |other| (*one, *other)));
    for ((one, other), found) in pairs.zip(correlations.all()) {
        let Some(found) = found else { continue };
        for (this, that) in [(one, other), (other, one)] {
            if rows[this].correlated.as_ref().is_none_or(|(_, before)| found.abs() > before.abs()) {
                rows[this].correlated = Some((scan.columns[that].name.clone(), found));
            }
        }
    }
    let per_feature = count as f64 / scan.columns.len().max(1) as f64;
    rows.iter_mut().for_each(|row| row.warn(count, per_feature));
    batch(scan, count, per_feature, &rows)
}

impl Row {
    fn of(column: &Column) -> Row {
        Row { is_time: column.is_time(), ..Row::default() }
    }

    fn take(&mut self, state: State) -> Result<()> {
        match state {
            State::Counts(counts) => self.count(&counts)?,
            State::Distinct(distinct) => {
                self.distinct.get_or_insert_with(|| distinct.estimate());
            }
            State::Extremes(extremes) => {
                self.least = extremes.least().map(|value| extremes.json(&value)).transpose()?.flatten();
                self.greatest = extremes.greatest().map(|value| extremes.json(&value)).transpose()?.flatten();
            }
            State::Numbers(numbers) => (self.mean, self.stdev) = (numbers.mean(), numbers.stdev()),
            State::Spread(spread) => self.spread(spread),
            _ => return Err(Error::Internal("a profile has a measure too many".to_owned())),
        }
        Ok(())
    }

    fn spread(&mut self, mut spread: Spread) {
        let histogram = spread.histogram(RANGES);
        if self.is_time {
            // The ends as they are written.
            let ends = self.least.as_ref().zip(self.greatest.as_ref());
            self.histogram = histogram.zip(ends).and_then(|(Histogram { counts, .. }, (from, to))| {
                let counts = serde_json::to_string(&counts).ok()?;
                Some(format!("{{\"from\":{from},\"to\":{to},\"counts\":{counts}}}"))
            });
            return;
        }
        self.histogram = histogram.and_then(|found| serde_json::to_string(&found).ok());
        for (value, (_, share)) in self.quantiles.iter_mut().zip(QUANTILES) {
            *value = spread.quantile(share);
        }
    }

    /// Nothing where there are too many values.
    fn count(&mut self, counts: &Counts) -> Result<()> {
        let Ok(mut all) = counts.sorted() else { return Ok(()) };
        (self.distinct, self.is_exact) = (Some(all.len() as u64), true);
        let total: u64 = all.iter().map(|(_, count)| count).sum();
        if (2..=CLASSES_MAX).contains(&all.len()) {
            let share = |count: u64| count as f64 / total as f64;
            let entropy: f64 = all.iter().map(|(_, count)| -share(*count) * share(*count).log2()).sum();
            self.imbalance = Some((1.0 - entropy / (all.len() as f64).log2()).max(0.0));
        }
        // Of equal counts the lesser value comes first.
        all.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        all.truncate(TOP);
        let values = counts.json(all.iter().map(|(value, _)| *value))?;
        let each =
            values.iter().zip(&all).map(|(value, (_, count))| format!("{{\"value\":{value},\"count\":{count}}}"));
        self.top = Some(format!("[{}]", each.collect::<Vec<_>>().join(",")));
        Ok(())
    }

    fn warn(&mut self, count: u64, per_feature: f64) {
        let mut warn = |is_so: bool, told: String| {
            if is_so {
                self.warnings.push(told);
            }
        };
        let present = count - self.nulls;
        warn(count > 0 && present == 0, "all values are null".to_owned());
        let share = self.nulls as f64 / count.max(1) as f64;
        warn(share >= NULLS_HIGH && present > 0, format!("{:.0} % of the values are null", share * 100.0));
        warn(self.distinct == Some(1), "all values are the same".to_owned());
        let is_unique = self.is_exact && self.distinct == Some(present) && present > 1;
        warn(is_unique, "each value is there once: it may be a key, and no feature".to_owned());
        if let Some(imbalance) = self.imbalance {
            warn(imbalance > IMBALANCE_HIGH, format!("its values are out of balance ({imbalance:.2})"));
        }
        if let Some((other, found)) = &self.correlated {
            warn(found.abs() > CORRELATION_HIGH, format!("it goes with {other} (correlation {found:.2})"));
        }
        let few = format!("there are {per_feature:.1} rows for each column, fewer than {ROWS_PER_FEATURE}");
        warn(count > 0 && per_feature < ROWS_PER_FEATURE, few);
    }
}

fn batch(scan: &Scan, count: u64, per_feature: f64, rows: &[Row]) -> Result<RecordBatch> {
    let types: Vec<String> = scan.columns.iter().map(|column| sql_name(&column.data_type)).collect();
    let warnings: Vec<Option<String>> =
        rows.iter().map(|row| serde_json::to_string(&row.warnings).ok().filter(|_| !row.warnings.is_empty())).collect();
    let text = |values: Vec<Option<&str>>| Arc::new(StringViewArray::from(values)) as ArrayRef;
    let texts =
        |value: fn(&Row) -> Option<&String>| text(rows.iter().map(|row| value(row).map(String::as_str)).collect());
    let floats =
        |value: &dyn Fn(&Row) -> Option<f64>| Arc::new(rows.iter().map(value).collect::<Float64Array>()) as ArrayRef;
    let numbers = |value: &dyn Fn(&Row) -> Option<u64>| {
        Arc::new(rows.iter().map(|row| value(row).map(|value| value as i64)).collect::<Int64Array>()) as ArrayRef
    };
    let mut columns: Vec<(&str, ArrayRef)> = vec![
        ("column_name", text(scan.columns.iter().map(|column| Some(column.name.as_str())).collect())),
        ("data_type", text(types.iter().map(|name| Some(name.as_str())).collect())),
        ("rows", numbers(&|_| Some(count))),
        ("nulls", numbers(&|row| Some(row.nulls))),
        ("null_percent", floats(&|row| (count > 0).then(|| row.nulls as f64 / count as f64 * 100.0))),
        ("distinct_values", numbers(&|row| row.distinct)),
        ("distinct_is_exact", Arc::new(rows.iter().map(|row| Some(row.is_exact)).collect::<BooleanArray>())),
        ("min", texts(|row| row.least.as_ref())),
        ("max", texts(|row| row.greatest.as_ref())),
        ("mean", floats(&|row| row.mean)),
        ("stdev", floats(&|row| row.stdev)),
    ];
    for (place, (name, _)) in QUANTILES.iter().enumerate() {
        columns.push((name, floats(&|row| row.quantiles[place])));
    }
    columns.extend([
        ("histogram", texts(|row| row.histogram.as_ref())),
        ("top_values", texts(|row| row.top.as_ref())),
        ("imbalance", floats(&|row| row.imbalance)),
        ("correlated_with", texts(|row| row.correlated.as_ref().map(|(name, _)| name))),
        ("correlation", floats(&|row| row.correlated.as_ref().map(|(_, found)| *found))),
        ("rows_per_column", floats(&|_| Some(per_feature))),
        ("warnings", text(warnings.iter().map(Option::as_deref).collect())),
    ]);
    let fields = columns.iter().map(|(name, values)| Field::new(*name, values.data_type().clone(), true));
    let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
    Ok(RecordBatch::try_new(schema, columns.into_iter().map(|(_, values)| values).collect())?)
}
