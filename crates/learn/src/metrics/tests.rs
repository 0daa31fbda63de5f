//! Figures that can be checked by hand; the clients' tests compare with scikit-learn.

use super::*;

const LABELS: [bool; 4] = [false, false, true, true];
const SCORES: [f64; 4] = [0.1, 0.4, 0.35, 0.8];

fn close(found: f64, wanted: f64) {
    assert!((found - wanted).abs() < 1e-15, "{found} is not {wanted}");
}

#[test]
fn two_classes() {
    close(auc(&LABELS, &SCORES, None).unwrap(), 0.75);
    close(pr_auc(&LABELS, &SCORES, None).unwrap(), 0.5 + 0.5 * 2.0 / 3.0);
    close(auc(&LABELS, &[0.5; 4], None).unwrap(), 0.5);
    close(brier(&LABELS, &SCORES, None).unwrap(), (0.01 + 0.16 + 0.4225 + 0.04) / 4.0);
    close(recall_at_false_positive_rate(&LABELS, &SCORES, 0.0, None).unwrap(), 0.5);
    close(recall_at_false_positive_rate(&LABELS, &SCORES, 0.5, None).unwrap(), 1.0);
    let decision = at_threshold(&LABELS, &SCORES, 0.4, None).unwrap();
    assert_eq!(decision, Decision { accuracy: 0.5, precision: 0.5, recall: 0.5, f1: 0.5 });
    close(logloss(&[true], &[0.0], None).unwrap(), -f64::EPSILON.ln());
}

#[test]
fn a_weight_counts_as_rows() {
    let weights = [2.0, 1.0, 1.0, 3.0];
    let rows = [0, 0, 1, 2, 3, 3, 3];
    let labels: Vec<bool> = rows.iter().map(|row| LABELS[*row]).collect();
    let scores: Vec<f64> = rows.iter().map(|row| SCORES[*row]).collect();
    for metric in [auc, pr_auc, logloss, brier] {
        let weighted = metric(&LABELS, &SCORES, Some(&weights)).unwrap();
        assert!((weighted - metric(&labels, &scores, None).unwrap()).abs() < 1e-14);
    }
}

#[test]
fn numbers_and_lists() {
    close(rmse(&[1.0, 3.0], &[2.0, 5.0], None).unwrap(), 2.5f64.sqrt());
    close(mae(&[1.0, 3.0], &[2.0, 5.0], None).unwrap(), 1.5);
    close(r2(&[1.0, 3.0], &[2.0, 5.0], None).unwrap(), -1.5);
    close(ranking::ndcg(&[0.0, 1.0], &[1.0, 0.0], 2), 1.0 / 3f64.log2());
    close(ranking::recall(&[4, 2, 9], &[9, 2, 7], 2), 1.0 / 3.0);
    close(accuracy_classes(&[0, 1], &[0.7, 0.3, 0.6, 0.4], 2, None).unwrap(), 0.5);
}

#[test]
fn what_is_not_defined_is_an_error() {
    assert!(auc(&[true], &[0.5], None).is_err());
    assert!(auc(&[], &[], None).is_err());
    assert!(rmse(&[1.0], &[f64::NAN], None).is_err());
    assert!(mae(&[1.0], &[1.0, 2.0], None).is_err());
    assert!(logloss_classes(&[2], &[0.5, 0.5], 2, None).is_err());
}
