//! Models: what is declared of them, what learns, the versions that there are, and what scores.

mod columns;
mod declare;
pub mod drift;
pub mod registry;
mod score;
mod seen;
pub mod train;
pub mod work;

use std::collections::BTreeSet;
use std::sync::Arc;

use headwater_query::model::{Model, Task};
use headwater_sql::settings::{ModelSettings, RunSettings};

use crate::schedule::Schedule;

pub use declare::resolve;
pub use registry::{Registry, Version};

/// A model that is declared.
#[derive(Debug, Clone)]
pub struct Declared {
    pub model: Arc<Model>,
    pub from: From,
    /// Which of the stores of its name has its versions.
    pub store: String,
    /// The statement in canonical form.
    pub text: String,
    pub schedule: Schedule,
    pub runs: RunSettings,
    /// What runs refresh and it reads, directly or not.
    pub after: Vec<String>,
    /// The relations with rows of their own that its query reads.
    pub reads: BTreeSet<String>,
    /// Those, and the plain views in between: what expectations may be of that its training waits for.
    pub checked: BTreeSet<String>,
}

/// Where a model comes from.
#[derive(Debug, Clone)]
pub enum From {
    Rows(Box<Training>),
    /// A file of a model that was trained elsewhere.
    Onnx {
        path: String,
    },
}

/// How a model is trained. Columns are those of its query.
#[derive(Debug, Clone)]
pub struct Training {
    pub query: String,
    pub features: Vec<usize>,
    pub target: Option<usize>,
    pub time: Option<usize>,
    pub weight: Option<usize>,
    /// Of what recommends.
    pub user: Option<usize>,
    pub strength: Option<usize>,
    pub settings: ModelSettings,
    /// As it was written.
    pub promote: Option<String>,
}

/// What is measured of each version of a model, where its rows allow it.
pub fn metrics(task: &Task) -> &'static [&'static str] {
    match task {
        Task::Regression => &["rmse", "mae", "r2"],
        Task::Classification(of) if *of == arrow::datatypes::DataType::Boolean => {
            &["auc", "pr_auc", "recall_at_fpr_1", "logloss", "brier", "accuracy", "precision", "recall", "f1"]
        }
        Task::Classification(_) => &["accuracy", "logloss"],
        Task::Anomaly => &["auc", "pr_auc", "recall_at_fpr_1"],
        Task::Recommendation => &["recall_at_10", "ndcg_at_10", "popularity_recall_at_10"],
    }
}
