//! Random rows in random parts and batches, against a count that takes one row at a time.

use std::collections::BTreeMap;

use proptest::collection::vec;
use proptest::option::weighted;
use proptest::prelude::*;

use super::*;

type Row = (Option<i64>, Option<f64>, Option<String>);

fn row() -> impl Strategy<Value = Row> {
    let text = prop_oneof![
        Just("a".to_owned()),
        Just("bb".to_owned()),
        Just("a longer text than twelve".to_owned()),
        "[a-c]{0,3}"
    ];
    (weighted(0.8, -6i64..6), weighted(0.8, (-20i32..20).prop_map(|n| f64::from(n) / 4.0)), weighted(0.8, text))
}

fn batch(rows: &[Row]) -> RecordBatch {
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("n", Arc::new(rows.iter().map(|row| row.0).collect::<Int64Array>())),
        ("x", Arc::new(rows.iter().map(|row| row.1).collect::<Float64Array>())),
        ("t", Arc::new(rows.iter().map(|row| row.2.as_deref()).collect::<StringArray>())),
    ];
    RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, values)| (name, values, true))).unwrap()
}

/// Rows cut into parts of batches.
fn cut(rows: &[Row], sizes: &[usize]) -> Vec<Vec<RecordBatch>> {
    let (mut parts, mut rest) = (vec![Vec::new()], rows);
    for (number, size) in sizes.iter().enumerate() {
        let (here, after) = rest.split_at((*size).min(rest.len()));
        rest = after;
        if number % 3 == 2 {
            parts.push(Vec::new());
        }
        if let Some(part) = parts.last_mut() {
            part.push(batch(here));
        }
    }
    parts.push(vec![batch(rest)]);
    parts
}

fn judge(rows: &[Row], sizes: &[usize], expectations: &str) -> Vec<Outcome> {
    let schema = batch(&[]).schema();
    let suite = resolve(&schema, expectations).unwrap_or_else(|error| panic!("{error}"));
    let places: Vec<usize> = suite.columns().map(|name| schema.index_of(name).unwrap()).collect();
    let parts = cut(rows, sizes);
    let project = |part: &Vec<RecordBatch>| part.iter().map(|rows| rows.project(&places).unwrap()).collect();
    suite.check_parts(parts.iter().map(project).collect()).unwrap_or_else(|error| panic!("{error}"))
}

/// What rows of one column come to: those that are there and wrong, in their order.
fn expected(one: &Outcome, elements: usize, missing: usize, wrong: &[String]) {
    let name = format!("{}({})", one.expectation, one.arguments);
    assert_eq!(one.element_count, Some(elements as u64), "{name}");
    assert_eq!(one.missing_count, Some(missing as u64), "{name}");
    assert_eq!(one.unexpected_count, Some(wrong.len() as u64), "{name}");
    assert_eq!(one.samples, wrong.iter().take(20).cloned().collect::<Vec<_>>(), "{name}");
    assert_eq!(one.success, wrong.is_empty(), "{name}");
}

fn close(found: &Outcome, wanted: Option<f64>) {
    let value = found.observed_value.as_ref().map(|value| value.parse::<f64>().unwrap());
    match (value, wanted) {
        (Some(value), Some(wanted)) => assert!((value - wanted).abs() < 1e-9, "{found} instead of {wanted}"),
        (value, wanted) => assert_eq!(value, wanted, "{found}"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn rows_one_by_one(rows in vec(row(), 0..120), sizes in vec(0usize..30, 0..8)) {
        let outcomes = judge(&rows, &sizes, "column_values_to_be_between(n, -2, 3, strict_max => true),
            column_values_to_be_between(x, -1.25), column_values_to_be_in_set(t, ('a', 'bb', 'ab')),
            column_values_to_not_be_in_set(n, (0, 1)), column_value_lengths_to_be_between(t, 1, 2),
            column_values_to_match_regex(t, '^a'), column_values_to_be_unique(n), column_values_to_be_unique(t)");
        let quoted = |text: &String| format!("\"{text}\"");
        let ints = |wrong: &dyn Fn(i64) -> bool| -> Vec<String> {
            rows.iter().filter_map(|row| row.0).filter(|n| wrong(*n)).map(|n| n.to_string()).collect()
        };
        let texts = |wrong: &dyn Fn(&str) -> bool| -> Vec<String> {
            rows.iter().filter_map(|row| row.2.as_ref()).filter(|text| wrong(text)).map(quoted).collect()
        };
        let nulls = [
            rows.iter().filter(|row| row.0.is_none()).count(),
            rows.iter().filter(|row| row.1.is_none()).count(),
            rows.iter().filter(|row| row.2.is_none()).count(),
        ];
        let floats = rows.iter().filter_map(|row| row.1).filter(|x| *x < -1.25).map(|x| format!("{x:?}")).collect::<Vec<_>>();
        expected(&outcomes[0], rows.len(), nulls[0], &ints(&|n| !(-2..3).contains(&n)));
        expected(&outcomes[1], rows.len(), nulls[1], &floats);
        expected(&outcomes[2], rows.len(), nulls[2], &texts(&|text| !["a", "bb", "ab"].contains(&text)));
        expected(&outcomes[3], rows.len(), nulls[0], &ints(&|n| n == 0 || n == 1));
        expected(&outcomes[4], rows.len(), nulls[2], &texts(&|text| !(1..=2).contains(&text.len())));
        expected(&outcomes[5], rows.len(), nulls[2], &texts(&|text| !text.starts_with('a')));
        let times = |n: i64| rows.iter().filter(|row| row.0 == Some(n)).count();
        expected(&outcomes[6], rows.len(), nulls[0], &ints(&|n| times(n) > 1));
        let times = |text: &str| rows.iter().filter(|row| row.2.as_deref() == Some(text)).count();
        expected(&outcomes[7], rows.len(), nulls[2], &texts(&|text| times(text) > 1));
    }

    #[test]
    fn rows_together(rows in vec(row(), 0..120), sizes in vec(0usize..30, 0..8)) {
        let outcomes = judge(&rows, &sizes, "column_mean_to_be_between(x, 0, 1), column_stdev_to_be_between(n, 0, 1),
            column_sum_to_be_between(n, 0, 1), column_median_to_be_between(x, 0, 1), column_min_to_be_between(x, 0, 1),
            column_max_to_be_between(n, 0, 1), column_unique_value_count_to_be_between(t, 0, 1),
            column_distinct_values_to_equal_set(n, (0, 1, 2)), compound_columns_to_be_unique((n, t))");
        let xs: Vec<f64> = rows.iter().filter_map(|row| row.1).collect();
        let ns: Vec<i64> = rows.iter().filter_map(|row| row.0).collect();
        let mean = |all: &[f64]| (!all.is_empty()).then(|| all.iter().sum::<f64>() / all.len() as f64);
        let as_floats: Vec<f64> = ns.iter().map(|n| *n as f64).collect();
        let squares = mean(&as_floats).map(|mean| as_floats.iter().map(|n| (n - mean).powi(2)).sum::<f64>());
        let mut sorted = xs.clone();
        sorted.sort_by(f64::total_cmp);
        let middle = sorted.len() / 2;
        let median = match sorted.len() {
            0 => None,
            odd if odd % 2 == 1 => Some(sorted[middle]),
            _ => Some((sorted[middle - 1] + sorted[middle]) / 2.0),
        };
        close(&outcomes[0], mean(&xs));
        close(&outcomes[1], squares.filter(|_| ns.len() > 1).map(|squares| (squares / (ns.len() - 1) as f64).sqrt()));
        close(&outcomes[2], (!ns.is_empty()).then(|| ns.iter().sum::<i64>() as f64));
        close(&outcomes[3], median);
        close(&outcomes[4], sorted.first().copied());
        close(&outcomes[5], ns.iter().max().map(|n| *n as f64));
        let mut times: BTreeMap<&str, usize> = BTreeMap::new();
        rows.iter().filter_map(|row| row.2.as_deref()).for_each(|text| *times.entry(text).or_default() += 1);
        close(&outcomes[6], Some(times.len() as f64));
        let outside = ns.iter().filter(|n| !(0..3).contains(*n)).collect::<std::collections::BTreeSet<_>>().len();
        let lacking = (0..3).filter(|n| !ns.contains(n)).count();
        prop_assert_eq!(outcomes[7].unexpected_count, Some((outside + lacking) as u64));
        let mut pairs: BTreeMap<(Option<i64>, Option<&str>), usize> = BTreeMap::new();
        let present: Vec<_> = rows.iter().filter(|row| row.0.is_some() || row.2.is_some()).collect();
        present.iter().for_each(|row| *pairs.entry((row.0, row.2.as_deref())).or_default() += 1);
        let wrong = present.iter().filter(|row| pairs[&(row.0, row.2.as_deref())] > 1).count();
        prop_assert_eq!(outcomes[8].unexpected_count, Some(wrong as u64));
        prop_assert_eq!(outcomes[8].missing_count, Some((rows.len() - present.len()) as u64));
    }
}
