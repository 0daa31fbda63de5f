//! Settings of models.

use crate::ast::{Method, Training};
use crate::options::Entry;
use crate::settings::RunSettings;
use crate::{Diagnostics, Options};

/// The share of rows that judge, where none is said: the last ones.
const TEST_SHARE: f64 = 0.2;

/// How a model is trained, judged and kept.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelSettings {
    pub runs: RunSettings,
    /// The column that says how old a row is. None: the one with times, if there is one.
    pub time_column: Option<String>,
    /// Columns that are no features.
    pub exclude: Vec<String>,
    pub weight_column: Option<String>,
    pub test_share: f64,
    /// Whether what was judged learns once more from all rows.
    pub refit: bool,
    pub seed: u64,
    /// From which probability on a row is said to be true.
    pub threshold: Option<f64>,
    pub learner: Learner,
}

/// What learns, and how. What is not said is as the method has it.
#[derive(Debug, Clone, PartialEq)]
pub enum Learner {
    Trees {
        trees: Option<usize>,
        learning_rate: Option<f64>,
        leaves: Option<usize>,
        depth: Option<usize>,
        min_rows_in_leaf: Option<usize>,
        l2: Option<f64>,
        row_share: Option<f64>,
        feature_share: Option<f64>,
        /// Rounds without a better loss on rows held back, after which training stops. None: it doesn't.
        early_stopping: Option<usize>,
    },
    Logistic {
        l2: Option<f64>,
        iterations: Option<usize>,
    },
    Linear {
        l2: Option<f64>,
        iterations: Option<usize>,
    },
    Factorization {
        user_column: Option<String>,
        strength_column: Option<String>,
        factors: Option<usize>,
        iterations: Option<usize>,
        l2: Option<f64>,
        alpha: Option<f64>,
    },
    Forest {
        trees: Option<usize>,
        sample: Option<usize>,
    },
}

impl Training {
    pub fn settings(&self) -> Result<ModelSettings, Diagnostics> {
        ModelSettings::read(&self.options, self.method)
    }
}

impl ModelSettings {
    pub fn read(options: &Options, method: Method) -> Result<ModelSettings, Diagnostics> {
        let mut options = options.clone();
        let exclude = options.take_text("exclude")?.unwrap_or_default();
        let exclude = exclude.split(',').map(|name| name.trim().to_owned()).filter(|name| !name.is_empty()).collect();
        let settings = ModelSettings {
            runs: RunSettings::take(&mut options)?,
            time_column: options.take_text("time_column")?,
            exclude,
            weight_column: options.take_text("weight_column")?,
            test_share: between(&mut options, "test_share", 0.01, 0.9)?.unwrap_or(TEST_SHARE),
            refit: options.take_boolean("refit")?.unwrap_or(false),
            seed: count(&mut options, "seed", 0, usize::MAX)?.unwrap_or(0) as u64,
            threshold: match method {
                Method::GradientBoostedTrees | Method::LogisticRegression => {
                    between(&mut options, "threshold", 0.0, 1.0)?
                }
                _ => None,
            },
            learner: Learner::take(&mut options, method)?,
        };
        options.finish()?;
        Ok(settings)
    }
}

impl Learner {
    fn take(options: &mut Options, method: Method) -> Result<Learner, Diagnostics> {
        Ok(match method {
            Method::GradientBoostedTrees => Learner::Trees {
                trees: count(options, "trees", 1, 100_000)?,
                learning_rate: between(options, "learning_rate", f64::MIN_POSITIVE, 1.0)?,
                leaves: count(options, "leaves", 2, 65_536)?,
                depth: count(options, "depth", 1, 64)?,
                min_rows_in_leaf: count(options, "min_rows_in_leaf", 1, 1 << 30)?,
                l2: between(options, "l2", 0.0, f64::MAX)?,
                row_share: between(options, "row_share", f64::MIN_POSITIVE, 1.0)?,
                feature_share: between(options, "feature_share", f64::MIN_POSITIVE, 1.0)?,
                early_stopping: count(options, "early_stopping", 1, 100_000)?,
            },
            Method::LogisticRegression => Learner::Logistic {
                l2: between(options, "l2", 0.0, f64::MAX)?,
                iterations: count(options, "iterations", 1, 1_000_000)?,
            },
            Method::LinearRegression => Learner::Linear {
                l2: between(options, "l2", 0.0, f64::MAX)?,
                iterations: count(options, "iterations", 1, 1_000_000)?,
            },
            Method::MatrixFactorization => Learner::Factorization {
                user_column: options.take_text("user_column")?,
                strength_column: options.take_text("strength_column")?,
                factors: count(options, "factors", 1, 1024)?,
                iterations: count(options, "iterations", 1, 10_000)?,
                l2: between(options, "l2", 0.0, f64::MAX)?,
                alpha: between(options, "alpha", 0.0, f64::MAX)?,
            },
            Method::RandomCutForest => Learner::Forest {
                trees: count(options, "trees", 1, 10_000)?,
                sample: count(options, "sample", 2, 1 << 20)?,
            },
        })
    }
}

fn written(options: &Options, name: &str) -> Option<Entry> {
    options.entries().iter().find(|entry| entry.name.value == name).cloned()
}

fn count(options: &mut Options, name: &str, least: usize, most: usize) -> Result<Option<usize>, Diagnostics> {
    let entry = written(options, name);
    let Some(number) = options.take_integer(name)? else { return Ok(None) };
    match (usize::try_from(number).ok().filter(|number| (least..=most).contains(number)), entry) {
        (None, Some(entry)) if most == usize::MAX => {
            Err(options.refuse(&entry, format!("{name} is {least} or more")).into())
        }
        (None, Some(entry)) => Err(options.refuse(&entry, format!("{name} is {least} to {most}")).into()),
        (fits, _) => Ok(fits),
    }
}

fn between(options: &mut Options, name: &str, least: f64, most: f64) -> Result<Option<f64>, Diagnostics> {
    let entry = written(options, name);
    let Some(number) = options.take_number(name)? else { return Ok(None) };
    if (least..=most).contains(&number) {
        return Ok(Some(number));
    }
    let Some(entry) = entry else { return Ok(None) };
    let range = match (least, most) {
        (least, f64::MAX) => format!("{least} or more"),
        (f64::MIN_POSITIVE, most) => format!("more than 0 and at most {most}"),
        (least, most) => format!("{least} to {most}"),
    };
    Err(options.refuse(&entry, format!("{name} is {range}")).into())
}
