//! Models as queries see them: `ML_PREDICT(relation, model)`, `ML_EXPLAIN(relation, model)` and
//! `RECOMMEND(relation, model, number)`, which give the rows of a relation with what a model says of each.
//!
//! What a model is for is declared; which version says it is put into the model's [`Seat`] by whoever trains. As long as
//! there is none, what a model says is NULL.

mod functions;
pub mod rewrite;

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use arrow::array::ArrayRef;
use arrow::datatypes::{DataType, Field, Fields};

use crate::Result;
pub use functions::{function, is_of_model};

/// A model that is declared.
#[derive(Debug)]
pub struct Model {
    pub name: String,
    /// What a row to score needs, each of its name and type; of a model that recommends, the user.
    pub inputs: Vec<Field>,
    /// The column that is learnt; none of what was trained elsewhere.
    pub target: Option<String>,
    pub task: Task,
    pub seat: Seat,
}

/// What a model says of a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Task {
    /// A number.
    Regression,
    /// One of several values of this type, and how probable it is. Of BOOLEAN: how probable it is that it is true.
    Classification(DataType),
    /// How unlike the others it is.
    Anomaly,
    /// Items, the best ones first.
    Recommendation,
}

/// Where the version is that scores.
#[derive(Default)]
pub struct Seat {
    champion: RwLock<Option<Arc<dyn Champion>>>,
}

/// A version of a model that scores.
pub trait Champion: Send + Sync {
    /// Its number.
    fn version(&self) -> u64;

    /// What it says of rows: the columns of [`Task::columns`]. `inputs` are those of the model, in their order and types.
    fn predict(&self, inputs: &[ArrayRef], rows: usize) -> Result<Vec<ArrayRef>>;

    /// For each row a JSON object with what each input adds to the score, and the score of a row of which nothing is known
    /// under an empty name.
    fn explain(&self, inputs: &[ArrayRef], rows: usize) -> Result<ArrayRef>;

    /// For each user a list of [`Task::recommended`], at most so many, the best ones first; without what the user had in
    /// training.
    fn recommend(&self, users: &ArrayRef, number: usize) -> Result<ArrayRef>;
}

impl Model {
    /// What it needs and what it says. A version that was trained for another shape does not know what is asked.
    pub fn shape(&self) -> String {
        let inputs = self.inputs.iter().map(|input| format!("{} {}", input.name(), input.data_type()));
        let inputs = inputs.collect::<Vec<_>>().join(", ");
        format!("{inputs} -> {} {:?}", self.target.as_deref().unwrap_or_default(), self.task)
    }
}

impl Seat {
    pub fn champion(&self) -> Option<Arc<dyn Champion>> {
        self.champion.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub fn take(&self, champion: Option<Arc<dyn Champion>>) {
        *self.champion.write().unwrap_or_else(PoisonError::into_inner) = champion;
    }
}

impl fmt::Debug for Seat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Seat({:?})", self.champion().map(|champion| champion.version()))
    }
}

/// The version that said something.
pub const MODEL_VERSION: &str = "model_version";

impl Task {
    /// What is said of a row.
    pub fn columns(&self) -> Fields {
        let prediction = |of: DataType| Field::new("prediction", of, true);
        let score = Field::new("score", DataType::Float64, true);
        match self {
            Task::Regression => vec![prediction(DataType::Float64)].into(),
            Task::Classification(of) => vec![prediction(of.clone()), score].into(),
            Task::Anomaly => vec![score].into(),
            Task::Recommendation => Fields::empty(),
        }
    }

    /// What is said of an item.
    pub fn recommended() -> Fields {
        vec![Field::new("item", DataType::Utf8View, true), Field::new("score", DataType::Float64, true)].into()
    }
}
