//! Learning from rows, and judging what was learnt by rows that it has not seen: the last ones, where rows have times.

use std::collections::{BTreeMap, BTreeSet};

use arrow::record_batch::RecordBatch;
use headwater_learn::data::{Target, TrainingSet, Values, split};
use headwater_learn::factorization::{self, Factorization};
use headwater_learn::random_cut::{self, Forest};
use headwater_learn::stored::Stored;
use headwater_learn::{Method, Model, boosting, linear, metrics};
use headwater_query::model::Task;
use headwater_sql::settings::{Learner, ModelSettings};
use serde::{Deserialize, Serialize};

use super::{Training, columns};

/// Rows that drift is held against, at most.
const SAMPLE_ROWS: usize = 2000;

/// Rows by which features are weighed where the method itself doesn't, at most; how often each is shuffled.
const WEIGHED_ROWS: usize = 5000;
const WEIGHED_TIMES: usize = 3;

/// Users by whom recommendations are judged, at most, and how many items each gets.
const JUDGED_USERS: usize = 2000;
const JUDGED_ITEMS: usize = 10;

/// The share of rows that tells when to stop early.
const VALIDATION_SHARE: f64 = 0.15;

/// What came of training.
pub struct Learned {
    pub stored: Stored,
    /// By name; those that the rows allow.
    pub metrics: BTreeMap<String, f64>,
    /// What each feature matters, the most first.
    pub importances: Vec<(String, f64)>,
    pub rows: usize,
    pub test_rows: usize,
    pub sample: Sample,
}

/// Rows of the training, to hold later ones against.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Sample {
    pub features: Vec<Sampled>,
    pub scores: Vec<f64>,
}

/// Values of one feature.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Sampled {
    pub name: String,
    pub values: SampledValues,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SampledValues {
    Numbers(Vec<Option<f64>>),
    Texts(Vec<Option<String>>),
}

/// Why nothing was learnt.
pub type Refused = String;

/// Learns from the rows of the query.
///
/// # Errors
/// What keeps these rows from being learnt from, in words for people.
pub fn train(rows: &RecordBatch, training: &Training, task: &Task, threads: usize) -> Result<Learned, Refused> {
    match &training.settings.learner {
        Learner::Factorization { .. } => factorize(rows, training, threads),
        Learner::Forest { trees, sample } => {
            let mut options = random_cut::Options { seed: training.settings.seed, threads, ..Default::default() };
            options.trees = trees.unwrap_or(options.trees);
            options.sample = sample.unwrap_or(options.sample);
            grow_forest(rows, training, &options)
        }
        learner => supervised(rows, training, task, &method(learner, &training.settings, threads), threads),
    }
}

fn method(learner: &Learner, settings: &ModelSettings, threads: usize) -> Method {
    let linear_options = |l2: &Option<f64>, iterations: &Option<usize>| {
        let usual = linear::Options::default();
        linear::Options {
            l2: l2.unwrap_or(usual.l2),
            iterations_max: iterations.unwrap_or(usual.iterations_max),
            threads,
        }
    };
    match learner {
        Learner::Logistic { l2, iterations } => Method::LogisticRegression(linear_options(l2, iterations)),
        Learner::Linear { l2, iterations } => Method::LinearRegression(linear_options(l2, iterations)),
        Learner::Trees {
            trees,
            learning_rate,
            leaves,
            depth,
            min_rows_in_leaf,
            l2,
            row_share,
            feature_share,
            early_stopping,
        } => {
            let usual = boosting::Options::default();
            Method::BoostedTrees(boosting::Options {
                trees: trees.unwrap_or(usual.trees),
                learning_rate: learning_rate.unwrap_or(usual.learning_rate),
                leaves: leaves.unwrap_or(usual.leaves),
                depth: depth.unwrap_or(usual.depth),
                min_rows_in_leaf: min_rows_in_leaf.unwrap_or(usual.min_rows_in_leaf),
                l2: l2.unwrap_or(usual.l2),
                row_share: row_share.unwrap_or(usual.row_share),
                feature_share: feature_share.unwrap_or(usual.feature_share),
                patience: early_stopping.unwrap_or(usual.patience),
                seed: settings.seed,
                threads,
            })
        }
        // These have other rows to learn from.
        Learner::Factorization { .. } | Learner::Forest { .. } => Method::BoostedTrees(boosting::Options::default()),
    }
}

fn supervised(
    rows: &RecordBatch,
    training: &Training,
    task: &Task,
    method: &Method,
    threads: usize,
) -> Result<Learned, Refused> {
    let told = |error: headwater_learn::Error| error.to_string();
    let target = training.target.ok_or("there is no column to learn")?;
    let rows = columns::with_value(rows, target).map_err(|error| error.to_string())?;
    let set = set(&rows, training, task)?;
    let (earlier, later) = parts(&rows, set.target(), training, training.settings.test_share)?;
    let (mut learns, test) = (set.select(&earlier).map_err(told)?, set.select(&later).map_err(told)?);
    let stops = matches!(training.settings.learner, Learner::Trees { early_stopping: Some(_), .. });
    let validation = if stops {
        let own = arrow::compute::take_record_batch(&rows, &indices(&earlier)).map_err(|error| error.to_string())?;
        let (first, last) = parts(&own, learns.target(), training, VALIDATION_SHARE)?;
        let validation = learns.select(&last).map_err(told)?;
        learns = learns.select(&first).map_err(told)?;
        Some(validation)
    } else {
        None
    };
    let mut model = Model::train(&learns, validation.as_ref(), method).map_err(told)?;
    let scores = model.predict(test.features(), threads).map_err(told)?;
    let metrics = judge(&test, &scores, threshold(training), model.outputs());
    let importances = weigh(&model, &test, threads).map_err(told)?;
    let sample = sample(&learns, |set| model.predict(set.features(), 1).map(|all| first_of(&all, &model)))?;
    if training.settings.refit {
        model = Model::train(&set, None, method).map_err(told)?;
    }
    let (rows, test_rows) = (set.rows(), test.rows());
    Ok(Learned { stored: Stored::Model(model), metrics, importances, rows, test_rows, sample })
}

/// The score of each row by which it is known: of several classes the greatest.
fn first_of(all: &[f64], model: &Model) -> Vec<f64> {
    all.chunks(model.outputs().max(1)).map(|row| row.iter().copied().fold(f64::NEG_INFINITY, f64::max)).collect()
}

fn set(rows: &RecordBatch, training: &Training, task: &Task) -> Result<TrainingSet, Refused> {
    let told = |error: arrow::error::ArrowError| error.to_string();
    let features =
        training.features.iter().map(|at| columns::feature(rows.schema().field(*at).name(), rows.column(*at)));
    let features = features.collect::<Result<Vec<_>, _>>().map_err(told)?;
    let target = match training.target {
        Some(at) => columns::target(rows.column(at), matches!(task, Task::Classification(_))).map_err(told)?,
        None => Target::Number(vec![0.0; rows.num_rows()]),
    };
    let weights = match training.weight {
        Some(at) => {
            let weights = columns::numbers(rows.column(at)).map_err(told)?;
            Some(weights.iter().map(|weight| weight.unwrap_or(f64::NAN)).collect())
        }
        None => None,
    };
    TrainingSet::new(features, target, weights).map_err(|error| error.to_string())
}

fn indices(rows: &[usize]) -> arrow::array::UInt32Array {
    rows.iter().map(|row| *row as u32).collect()
}

/// Rows to learn from and rows to judge by: the earlier and the later ones, or, of rows without a time, some by chance.
fn parts(
    rows: &RecordBatch,
    target: &Target,
    training: &Training,
    share: f64,
) -> Result<(Vec<usize>, Vec<usize>), Refused> {
    if let Some(time) = training.time {
        let times = columns::times(rows.column(time)).map_err(|error| error.to_string())?;
        return split::by_time(&times, 1.0 - share).map_err(|error| error.to_string());
    }
    let folds = ((1.0 / share).round() as usize).max(2);
    let folds = split::folds(target, folds, training.settings.seed).map_err(|error| error.to_string())?;
    Ok((split::rest(rows.num_rows(), &folds[0]), folds[0].clone()))
}

/// Metrics that fit what is learnt. One that these rows don't allow, such as an AUC of rows that are all alike, is not there.
/// From which probability on a row is said to be true, where nothing else is said.
pub const THRESHOLD: f64 = 0.5;

pub fn threshold(training: &Training) -> f64 {
    training.settings.threshold.unwrap_or(THRESHOLD)
}

fn judge(test: &TrainingSet, scores: &[f64], threshold: f64, outputs: usize) -> BTreeMap<String, f64> {
    let weights = test.weights();
    let found: Vec<(&str, headwater_learn::Result<f64>)> = match test.target() {
        Target::Number(truth) => vec![
            ("rmse", metrics::rmse(truth, scores, weights)),
            ("mae", metrics::mae(truth, scores, weights)),
            ("r2", metrics::r2(truth, scores, weights)),
        ],
        Target::Binary(truth) => of_truths(truth, scores, threshold, weights),
        Target::Classes { codes, .. } => vec![
            ("accuracy", metrics::accuracy_classes(codes, scores, outputs, weights)),
            ("logloss", metrics::logloss_classes(codes, scores, outputs, weights)),
        ],
    };
    let known = found.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value.ok()?)));
    known.filter(|(_, value)| value.is_finite()).collect()
}

fn of_truths<'a>(
    truth: &[bool],
    scores: &[f64],
    threshold: f64,
    weights: Option<&[f64]>,
) -> Vec<(&'a str, headwater_learn::Result<f64>)> {
    let mut found = vec![
        ("auc", metrics::auc(truth, scores, weights)),
        ("pr_auc", metrics::pr_auc(truth, scores, weights)),
        ("recall_at_fpr_1", metrics::recall_at_false_positive_rate(truth, scores, 0.01, weights)),
        ("logloss", metrics::logloss(truth, scores, weights)),
        ("brier", metrics::brier(truth, scores, weights)),
    ];
    if let Ok(decision) = metrics::at_threshold(truth, scores, threshold, weights) {
        found.extend([
            ("accuracy", Ok(decision.accuracy)),
            ("precision", Ok(decision.precision)),
            ("recall", Ok(decision.recall)),
            ("f1", Ok(decision.f1)),
        ]);
    }
    found
}

/// What features matter: by the gain of their cuts, or by how much worse scores get where their values are shuffled.
fn weigh(model: &Model, test: &TrainingSet, threads: usize) -> headwater_learn::Result<Vec<(String, f64)>> {
    let shares = match model.gain_importances() {
        Ok(shares) => shares,
        Err(_) => {
            let some: Vec<usize> = (0..test.rows()).step_by(test.rows().div_ceil(WEIGHED_ROWS).max(1)).collect();
            let some = test.select(&some)?;
            let outputs = model.outputs();
            let judge = |scores: &[f64]| match some.target() {
                Target::Number(truth) => metrics::rmse(truth, scores, None).map(|error| -error),
                Target::Binary(truth) => metrics::logloss(truth, scores, None).map(|loss| -loss),
                Target::Classes { codes, .. } => {
                    metrics::logloss_classes(codes, scores, outputs, None).map(|loss| -loss)
                }
            };
            model.permutation_importances(&some, judge, WEIGHED_TIMES, 0, threads)?
        }
    };
    let names = model.encoder().features().iter().map(|(name, _)| name.clone());
    let mut importances: Vec<(String, f64)> = names.zip(shares).collect();
    importances.sort_by(|one, other| other.1.total_cmp(&one.1));
    Ok(importances)
}

fn sample(
    set: &TrainingSet,
    scores: impl Fn(&TrainingSet) -> headwater_learn::Result<Vec<f64>>,
) -> Result<Sample, Refused> {
    let some: Vec<usize> = (0..set.rows()).step_by(set.rows().div_ceil(SAMPLE_ROWS).max(1)).collect();
    let some = set.select(&some).map_err(|error| error.to_string())?;
    let scores = scores(&some).map_err(|error| error.to_string())?;
    let features = some.features().iter().map(|feature| Sampled {
        name: feature.name.clone(),
        values: match &feature.values {
            Values::Numbers(numbers) => SampledValues::Numbers(
                numbers.iter().map(|value| Some(*value).filter(|value| !value.is_nan())).collect(),
            ),
            Values::Categories { codes, names } => {
                SampledValues::Texts(codes.iter().map(|code| names.get(*code as usize).cloned()).collect())
            }
        },
    });
    Ok(Sample { features: features.collect(), scores })
}

fn grow_forest(rows: &RecordBatch, training: &Training, options: &random_cut::Options) -> Result<Learned, Refused> {
    let told = |error: headwater_learn::Error| error.to_string();
    let labelled = training.target;
    let rows = match labelled {
        Some(target) => columns::with_value(rows, target).map_err(|error| error.to_string())?,
        None => rows.clone(),
    };
    let set = set(&rows, training, &Task::Anomaly)?;
    let (learns, test) = match labelled {
        Some(_) => {
            let (earlier, later) = parts(&rows, set.target(), training, training.settings.test_share)?;
            (set.select(&earlier).map_err(told)?, Some(set.select(&later).map_err(told)?))
        }
        None => (set.clone(), None),
    };
    let forest = Forest::train(&learns, options).map_err(told)?;
    let mut metrics = BTreeMap::new();
    if let Some(test) = &test
        && let Target::Binary(truth) = test.target()
    {
        let scores = forest.scores(test.features(), options.threads).map_err(told)?;
        // How probable a row is can't be told by a score that is none.
        let of_order = ["auc", "pr_auc", "recall_at_fpr_1"];
        let found = of_truths(truth, &scores, f64::NAN, None).into_iter();
        metrics.extend(found.filter_map(|(name, value)| Some((name.to_owned(), value.ok()?))));
        metrics.retain(|name, _| of_order.contains(&name.as_str()));
    }
    let sample = sample(&learns, |set| forest.scores(set.features(), 1))?;
    let (rows, test_rows) = (set.rows(), test.map_or(0, |test| test.rows()));
    Ok(Learned { stored: Stored::Forest(forest), metrics, importances: Vec::new(), rows, test_rows, sample })
}

/// Who had what, how much of it, and when.
struct Had {
    users: Vec<String>,
    items: Vec<String>,
    strengths: Vec<f64>,
}

impl Had {
    fn of(rows: &RecordBatch, training: &Training) -> Result<Had, Refused> {
        let told = |error: arrow::error::ArrowError| error.to_string();
        let (Some(item), Some(user)) = (training.target, training.user) else {
            return Err("there are no users and items".to_owned());
        };
        let texts = |at: usize| -> Result<Vec<String>, Refused> {
            let texts = columns::texts(rows.column(at)).map_err(told)?;
            Ok(texts.iter().map(|text| text.unwrap_or_default().to_owned()).collect())
        };
        let strengths = match training.strength {
            Some(at) => columns::numbers(rows.column(at)).map_err(told)?.iter().map(|one| one.unwrap_or(0.0)).collect(),
            None => vec![1.0; rows.num_rows()],
        };
        Ok(Had { users: texts(user)?, items: texts(item)?, strengths })
    }

    fn train(&self, rows: &[usize], options: &factorization::Options) -> headwater_learn::Result<Factorization> {
        let users: Vec<&str> = rows.iter().map(|row| self.users[*row].as_str()).collect();
        let items: Vec<&str> = rows.iter().map(|row| self.items[*row].as_str()).collect();
        let strengths: Vec<f64> = rows.iter().map(|row| self.strengths[*row]).collect();
        Factorization::train(&users, &items, &strengths, options)
    }

    /// By user, the items of these rows.
    fn by_user(&self, rows: &[usize]) -> BTreeMap<&str, BTreeSet<&str>> {
        let mut had: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for row in rows {
            had.entry(&self.users[*row]).or_default().insert(&self.items[*row]);
        }
        had
    }
}

fn factorize(rows: &RecordBatch, training: &Training, threads: usize) -> Result<Learned, Refused> {
    let told = |error: headwater_learn::Error| error.to_string();
    let mut rows = rows.clone();
    for column in training.target.iter().chain(&training.user) {
        rows = columns::with_value(&rows, *column).map_err(|error| error.to_string())?;
    }
    let had = Had::of(&rows, training)?;
    let mut options = factorization::Options { seed: training.settings.seed, threads, ..Default::default() };
    if let Learner::Factorization { factors, iterations, l2, alpha, .. } = &training.settings.learner {
        options.factors = factors.unwrap_or(options.factors);
        options.iterations = iterations.unwrap_or(options.iterations);
        options.l2 = l2.unwrap_or(options.l2);
        options.alpha = alpha.unwrap_or(options.alpha);
    }
    let all: Vec<usize> = (0..rows.num_rows()).collect();
    let by_chance = Target::Number(vec![0.0; rows.num_rows()]);
    let (earlier, later) = parts(&rows, &by_chance, training, training.settings.test_share)?;
    let judged = had.train(&earlier, &options).map_err(told)?;
    let metrics = judge_recommendations(&had, &judged, &earlier, &later);
    let model = if training.settings.refit { had.train(&all, &options).map_err(told)? } else { judged };
    Ok(Learned {
        stored: Stored::Factorization(model),
        metrics,
        importances: Vec::new(),
        rows: all.len(),
        test_rows: later.len(),
        sample: Sample::default(),
    })
}

/// How much of what users came to have later was recommended to them before, and how much of it what everybody has.
fn judge_recommendations(
    had: &Had,
    model: &Factorization,
    earlier: &[usize],
    later: &[usize],
) -> BTreeMap<String, f64> {
    let (before, after) = (had.by_user(earlier), had.by_user(later));
    let mut popularity: BTreeMap<&str, usize> = BTreeMap::new();
    before.values().flatten().for_each(|item| *popularity.entry(*item).or_default() += 1);
    let mut popular: Vec<(&str, usize)> = popularity.into_iter().collect();
    popular.sort_by_key(|(item, users)| (std::cmp::Reverse(*users), *item));
    let judged = after.iter().filter_map(|(user, items)| {
        let seen = before.get(user)?;
        let new: BTreeSet<&str> = items.difference(seen).copied().collect();
        (!new.is_empty()).then_some((*user, seen, new))
    });
    let judged: Vec<(&str, &BTreeSet<&str>, BTreeSet<&str>)> = judged.take(JUDGED_USERS).collect();
    if judged.is_empty() {
        return BTreeMap::new();
    }
    let (mut recall, mut ndcg, mut of_popular) = (0.0, 0.0, 0.0);
    for (user, seen, new) in &judged {
        let found = |items: &[&str]| items.iter().filter(|item| new.contains(*item)).count() as f64;
        let recommended: Vec<&str> =
            model.recommend(user, JUDGED_ITEMS, true).into_iter().map(|(item, _)| item).collect();
        let others = popular.iter().map(|(item, _)| *item).filter(|item| !seen.contains(item));
        let others: Vec<&str> = others.take(JUDGED_ITEMS).collect();
        let wanted = new.len().min(JUDGED_ITEMS) as f64;
        recall += found(&recommended) / wanted;
        of_popular += found(&others) / wanted;
        let gains: Vec<f64> = recommended.iter().map(|item| f64::from(new.contains(item))).collect();
        ndcg += metrics::ranking::ndcg(&gains, &vec![1.0; new.len()], JUDGED_ITEMS);
    }
    let users = judged.len() as f64;
    [("recall_at_10", recall), ("ndcg_at_10", ndcg), ("popularity_recall_at_10", of_popular)]
        .into_iter()
        .map(|(name, sum)| (name.to_owned(), sum / users))
        .collect()
}
