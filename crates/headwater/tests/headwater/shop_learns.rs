//! What the shop of `examples/shop` learns, against how the shop was made. The bounds hold for each of ten seeds with room to
//! spare (docs/shop.md has their figures), and a model that knows nothing is far from them.

use super::node::{Project, root};

/// Enough people for what they do to stand out from chance.
const SETTINGS: &str = "[settings]\nseed = '1'\ndays = '90'\nvisits = '5000'\nstart = '2026-01-01'\nlive = 'false'\n";

#[test]
fn the_shop_learns_what_it_was_made_of() {
    let project = Project::new();
    for file in std::fs::read_dir(root().join("examples/shop")).unwrap() {
        let file = file.unwrap().path();
        if file.extension().is_some_and(|ending| ending == "sql") {
            project.write(file.file_name().unwrap().to_str().unwrap(), &std::fs::read_to_string(&file).unwrap());
        }
    }
    project.write("headwater.toml", SETTINGS);
    project.run();
    assert_eq!(
        project.sql("SELECT name, state FROM system.models ORDER BY 1"),
        ["churn,serving", "fraud,serving", "recommendations,serving"]
    );
    churn_is_near_what_can_be_known(&project);
    fraud_is_found(&project);
    recommendations_beat_popularity(&project);
}

/// Of visits that no model has learnt from: how well the model tells those after which people left, and how well the
/// probabilities do that those people left by. A part of these nobody can know: how patient each person is.
fn churn_is_near_what_can_be_known(project: &Project) {
    let visits = project.sql(
        "SELECT p.score, t.number FROM ML_PREDICT((
             SELECT v.*, s.began_at FROM visits_as_known AS v
             JOIN sessions AS s ON s.visitor_id = v.visitor_id AND s.closed_at = v.closed_at
             WHERE v.visits >= 3 AND v.days_a_visit < 3 AND v.closed_at >= TIMESTAMP '2026-02-20 00:00:00'
         ), churn) AS p
         LEFT JOIN (SELECT * FROM truths WHERE kind = 'left') AS t
         ON t.subject_id = p.visitor_id AND t.begins_at >= p.began_at AND t.begins_at < p.closed_at",
    );
    let visits = visits.iter().map(|line| line.split_once(',').unwrap());
    let visits: Vec<(f64, Option<f64>)> =
        visits.map(|(score, hazard)| (score.parse().unwrap(), hazard.parse().ok())).collect();
    let hazards: Vec<f64> = visits.iter().filter_map(|visit| visit.1).collect();
    let scored = |left: bool| visits.iter().filter(move |visit| visit.1.is_some() == left).map(|visit| (visit.0, 1.0));
    // Of people with such a probability, so many have stayed for each who left.
    let stayed = hazards.iter().map(|hazard| (*hazard, (1.0 - hazard) / hazard));
    let best = auc(hazards.iter().map(|hazard| (*hazard, 1.0)), stayed);
    let ours = auc(scored(true), scored(false));
    assert!(hazards.len() > 1000 && best > 0.62, "{} left, {best} can be told", hazards.len());
    assert!(ours > 0.5 + 0.6 * (best - 0.5), "the model's AUC is {ours}, and {best} with what nobody can know");
}

/// Of payments that no model has learnt from, at a false alarm in a hundred.
fn fraud_is_found(project: &Project) {
    let payments = project.sql(
        "SELECT p.score, t.detail FROM ML_PREDICT((
             SELECT * FROM payments_as_known WHERE paid_at >= TIMESTAMP '2026-03-01 00:00:00'
         ), fraud) AS p
         LEFT JOIN (SELECT * FROM truths WHERE kind = 'fraud') AS t ON t.subject_id = p.payment_id",
    );
    let payments = payments.iter().map(|line| line.split_once(',').unwrap());
    let payments: Vec<(f64, &str)> = payments.map(|(score, kind)| (score.parse().unwrap(), kind)).collect();
    let mut honest: Vec<f64> = payments.iter().filter(|(_, kind)| kind.is_empty()).map(|(score, _)| *score).collect();
    honest.sort_unstable_by(|one, other| other.total_cmp(one));
    let alarm = honest[honest.len() / 100];
    for wanted in ["card_testing", "takeover", "stolen_card"] {
        let of_kind: Vec<f64> = payments.iter().filter(|(_, kind)| *kind == wanted).map(|(score, _)| *score).collect();
        let found = of_kind.iter().filter(|score| **score > alarm).count() as f64 / of_kind.len() as f64;
        assert!(of_kind.len() >= 10 && found >= 0.9, "{found} of {} payments by {wanted}", of_kind.len());
    }
}

fn recommendations_beat_popularity(project: &Project) {
    let metrics = project.sql(
        "SELECT max(value) FILTER (WHERE metric = 'recall_at_10'),
                max(value) FILTER (WHERE metric = 'popularity_recall_at_10')
         FROM system.model_metrics WHERE model = 'recommendations'",
    );
    let (ours, popular) = metrics[0].split_once(',').unwrap();
    let (ours, popular): (f64, f64) = (ours.parse().unwrap(), popular.parse().unwrap());
    assert!(ours > 1.08 * popular, "{ours} of what people went on to look at is recommended, and popular is {popular}");
}

/// How likely one of the first ranks before one of the others; values with weights.
fn auc(first: impl Iterator<Item = (f64, f64)>, others: impl Iterator<Item = (f64, f64)>) -> f64 {
    let first = first.map(|(value, weight)| (value, weight, 0.0));
    let mut all: Vec<(f64, f64, f64)> = first.chain(others.map(|(value, weight)| (value, 0.0, weight))).collect();
    all.sort_unstable_by(|one, other| one.0.total_cmp(&other.0));
    let (mut before, mut sum) = (0.0, 0.0);
    for equal in all.chunk_by(|one, other| one.0 == other.0) {
        let (of_first, of_others) = equal.iter().fold((0.0, 0.0), |sums, each| (sums.0 + each.1, sums.1 + each.2));
        sum += of_first * (before + of_others / 2.0);
        before += of_others;
    }
    sum / (before * all.iter().map(|each| each.1).sum::<f64>())
}
