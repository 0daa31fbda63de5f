//! Test vectors, what may not move, and chances that no lucky run passes.

use super::*;
use crate::distribution::chi_square_tail;

/// As docs/experiments.md shows them, and as Python computes them in tests/clients/experiments.py.
const VECTORS: [(&str, &str, u64, usize); 5] = [
    ("checkout", "1", 0x1e1a051bcfca90dc, 0),
    ("checkout", "42", 0xea32e2d8cb73fe6a, 2),
    ("checkout", "zoë@example.com", 0x09971be20dd70a72, 0),
    ("checkout2", "42", 0x66c6fdb4dfa74123, 0),
    ("new home page", "a:b", 0x9b7521a680e49be7, 1),
];

#[test]
fn vectors_are_those_of_the_page() {
    let page = include_str!("../../../../docs/experiments.md");
    for (salt, unit, hashed, variant) in VECTORS {
        assert_eq!(hash(salt, "variant", unit), hashed, "{salt} {unit}");
        assert_eq!(Assignment::new(salt, &[50, 30, 20]).unwrap().assign(unit), Assigned::Drawn(variant));
        let line = format!("| `{salt}` | `{unit}` | `{hashed:016x}` | {} |", ["a", "b", "c"][variant]);
        assert!(page.contains(&line), "{line}");
    }
}

fn variants(assignment: &Assignment, units: usize) -> Vec<Assigned> {
    (0..units).map(|unit| assignment.assign(&unit.to_string())).collect()
}

/// A chance of less than one in a million.
fn assert_likely(statistic: f64, degrees: usize, what: &str) {
    let p = chi_square_tail(statistic, degrees as f64);
    assert!(p > 1e-6, "{what}: chi-square {statistic} with {degrees} degrees, p = {p:e}");
}

#[test]
fn shares_are_those_of_the_weights() {
    const UNITS: usize = 200_000;
    for (salt, weights) in [("a", vec![1, 1]), ("b", vec![90, 5, 5]), ("c", vec![1, 2, 3, 4]), ("d", vec![1; 100])] {
        let mut counts = vec![0_usize; weights.len()];
        for assigned in variants(&Assignment::new(salt, &weights).unwrap(), UNITS) {
            counts[assigned.variant().unwrap()] += 1;
        }
        let total: u64 = weights.iter().sum();
        let parts = counts.iter().zip(&weights).map(|(count, weight)| {
            let expected = UNITS as f64 * *weight as f64 / total as f64;
            (*count as f64 - expected).powi(2) / expected
        });
        assert_likely(parts.sum(), weights.len() - 1, salt);
    }
}

/// Names that differ in one letter, traffic and variant, layer and variant: none tells anything of another.
#[test]
fn experiments_are_independent_of_each_other() {
    const UNITS: usize = 200_000;
    let hashes = [("checkout", "variant"), ("checkout2", "variant"), ("checkout", "traffic"), ("checkout", "layer")];
    for (place, left) in hashes.iter().enumerate() {
        for right in &hashes[place + 1..] {
            let mut table = [[0_f64; 4]; 4];
            for unit in 0..UNITS {
                let unit = unit.to_string();
                let of = |(salt, purpose): &(&str, &str)| part(hash(salt, purpose, &unit), 4) as usize;
                table[of(left)][of(right)] += 1.0;
            }
            let rows = table.map(|row| row.iter().sum::<f64>());
            let columns: Vec<f64> = (0..4).map(|column| table.iter().map(|row| row[column]).sum()).collect();
            let cells = (0..16).map(|cell| {
                let expected = rows[cell / 4] * columns[cell % 4] / UNITS as f64;
                (table[cell / 4][cell % 4] - expected).powi(2) / expected
            });
            assert_likely(cells.sum(), 9, &format!("{left:?} and {right:?}"));
        }
    }
}

#[test]
fn more_traffic_moves_nobody() {
    let whole = Assignment::new("ramp", &[1, 1]).unwrap();
    let mut before = variants(&whole.clone().with_traffic(0).unwrap(), 20_000);
    assert!(before.iter().all(|assigned| *assigned == Assigned::OutOfTraffic));
    for millionths in [10_000, 50_000, 500_000, 999_999, MILLION] {
        let after = variants(&whole.clone().with_traffic(millionths).unwrap(), 20_000);
        for (old, new) in before.iter().zip(&after) {
            assert!(*old == Assigned::OutOfTraffic || old == new);
        }
        let inside = after.iter().filter(|assigned| assigned.variant().is_some()).count() as f64 / 20_000.0;
        assert!((inside - millionths as f64 / 1e6).abs() < 0.02, "{inside} of {millionths}");
        before = after;
    }
    assert_eq!(before, variants(&whole, 20_000));
}

#[test]
fn slots_of_a_layer_share_no_unit() {
    let slot = |from, to| Slot { layer: "pages".to_owned(), millionths: from..to };
    let (left, right) = (slot(0, 300_000), slot(300_000, MILLION));
    assert!(!left.meets(&right) && left.meets(&slot(299_999, 300_001)));
    assert!(left.meets(&Slot { layer: "mails".to_owned(), ..right.clone() }));
    let one = Assignment::new("one", &[1, 1]).unwrap().within(left).unwrap();
    let other = Assignment::new("other", &[1, 1]).unwrap().within(right).unwrap();
    for unit in 0..10_000 {
        let unit = unit.to_string();
        assert!(one.assign(&unit).variant().is_some() != other.assign(&unit).variant().is_some());
    }
}

#[test]
fn who_is_forced_is_told_apart() {
    let none = Assignment::new("forced", &[1, 1]).unwrap().with_traffic(0).unwrap();
    let some = none.with_forced("tester", 1).unwrap();
    assert_eq!(some.assign("tester"), Assigned::Forced(1));
    assert_eq!(some.assign("else"), Assigned::OutOfTraffic);
    assert!(some.with_forced("tester", 2).is_err());
}

#[test]
fn what_means_nothing_is_refused() {
    for (salt, weights) in
        [("", vec![1, 1]), ("a:b", vec![1, 1]), ("a", vec![1]), ("a", vec![1, 0]), ("a", vec![1, u64::MAX])]
    {
        assert!(Assignment::new(salt, &weights).is_err(), "{salt} {weights:?}");
    }
    let slot = |from, to| Slot { layer: "pages".to_owned(), millionths: from..to };
    for wrong in [slot(5, 5), slot(0, MILLION + 1)] {
        assert!(Assignment::new("a", &[1, 1]).unwrap().within(wrong).is_err());
    }
    assert!(Assignment::new("a", &[1, 1]).unwrap().with_traffic(MILLION + 1).is_err());
    let refused = Assignment::new("a", &[1, 0]).unwrap_err().to_string();
    assert_eq!(refused, "variant 2 has the weight 0: weights are positive, and at most 4294967296 in all");
}
