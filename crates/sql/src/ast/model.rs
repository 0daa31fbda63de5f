//! `CREATE MODEL`: what learns from the rows of a query, and the statements about its versions.

use super::{Existing, Expression, Name, Query, Schedule};
use crate::{Options, Span};

/// `CREATE MODEL name PREDICT column USING method WITH (…) RETRAIN … PROMOTE WHEN (…) AS query`, or `FROM ONNX (…)`
#[derive(Debug, Clone)]
pub struct CreateModel {
    pub name: Name,
    pub existing: Existing,
    pub from: Learned,
}

/// Where a model comes from.
#[derive(Debug, Clone)]
pub enum Learned {
    /// Runs train it.
    Rows(Box<Training>),
    /// It was trained elsewhere: `FROM ONNX (PATH '…')`.
    Onnx(Options),
}

/// How a model is trained.
#[derive(Debug, Clone)]
pub struct Training {
    /// The output column that is learned. None for what needs none.
    pub predict: Option<Name>,
    pub method: Method,
    pub method_span: Span,
    pub options: Options,
    /// When it is trained anew. None: when it is new or changed, and when somebody asks.
    pub retrain: Option<Schedule>,
    /// What has to hold of a new version's metrics, and the champion's, for it to become the champion. None: nothing.
    pub promote: Option<Expression>,
    pub query: Query,
}

/// What learns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Method {
    GradientBoostedTrees,
    LogisticRegression,
    LinearRegression,
    MatrixFactorization,
    RandomCutForest,
}

impl Method {
    pub const ALL: [Method; 5] = [
        Method::GradientBoostedTrees,
        Method::LogisticRegression,
        Method::LinearRegression,
        Method::MatrixFactorization,
        Method::RandomCutForest,
    ];

    /// As SQL has it.
    pub fn as_str(self) -> &'static str {
        match self {
            Method::GradientBoostedTrees => "gradient_boosted_trees",
            Method::LogisticRegression => "logistic_regression",
            Method::LinearRegression => "linear_regression",
            Method::MatrixFactorization => "matrix_factorization",
            Method::RandomCutForest => "random_cut_forest",
        }
    }
}

/// `TRAIN MODEL name`: now.
#[derive(Debug, Clone)]
pub struct TrainModel {
    pub name: Name,
}

/// `PROMOTE MODEL name VERSION number`, or `ROLLBACK MODEL name`: to the champion before.
#[derive(Debug, Clone)]
pub struct PromoteModel {
    pub name: Name,
    /// None: the one before.
    pub version: Option<u64>,
}
