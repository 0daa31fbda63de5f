//! What each operator does to numbers of one row.

use super::protobuf::Node;
use super::{forest, refused};
use crate::Result;
use crate::trees::Ensemble;

#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Norm {
    Most,
    Sum,
    Euclid,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Arithmetic {
    Add,
    Subtract,
    Multiply,
    Divide,
}

/// What becomes of a classifier's scores.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Transform {
    None,
    Logistic,
    Softmax,
    /// One score of two classes: its logistic function, and what remains of 1 for the first.
    LogisticOfTwo,
    /// One score of two classes that is a probability already.
    RestOfTwo,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    Constant(Vec<f64>),
    /// Identity, a cast between numbers, ZipMap.
    Same,
    Concat,
    Scaler {
        offset: Vec<f64>,
        scale: Vec<f64>,
    },
    Normalizer(Norm),
    /// What stands for a missing value.
    Imputer(Vec<f64>),
    Arithmetic(Arithmetic),
    Linear {
        weights: Vec<f64>,
        intercepts: Vec<f64>,
        transform: Transform,
    },
    Trees {
        trees: Ensemble,
        transform: Transform,
    },
}

/// One of several, or the only one for all.
fn of(values: &[f64], at: usize) -> f64 {
    if values.len() == 1 { values[0] } else { values[at] }
}

impl Step {
    pub fn width(&self, sources: &[usize]) -> usize {
        let first = sources.first().copied().unwrap_or(0);
        match self {
            Step::Constant(values) => values.len(),
            Step::Concat => sources.iter().sum(),
            Step::Arithmetic(_) => sources.iter().copied().max().unwrap_or(0),
            Step::Linear { intercepts, transform, .. } => transform.width(intercepts.len()),
            Step::Trees { trees, transform } => transform.width(trees.outputs()),
            Step::Same | Step::Scaler { .. } | Step::Normalizer(_) | Step::Imputer(_) => first,
        }
    }

    pub fn apply(&self, sources: &[&[f64]]) -> Vec<f64> {
        let first = sources.first().copied().unwrap_or(&[]);
        let each = |change: &dyn Fn(usize, f64) -> f64| {
            first.iter().enumerate().map(|(at, value)| change(at, *value)).collect::<Vec<f64>>()
        };
        match self {
            Step::Constant(values) => values.clone(),
            Step::Same => first.to_vec(),
            Step::Concat => sources.concat(),
            Step::Scaler { offset, scale } => each(&|at, value| (value - of(offset, at)) * of(scale, at)),
            Step::Imputer(values) => each(&|at, value| if value.is_nan() { of(values, at) } else { value }),
            Step::Normalizer(norm) => {
                let length = norm.of(first);
                each(&|_, value| if length > 0.0 { value / length } else { value })
            }
            Step::Arithmetic(arithmetic) => {
                let (a, b) = (sources[0], sources[1]);
                (0..a.len().max(b.len())).map(|at| arithmetic.of(of(a, at), of(b, at))).collect()
            }
            Step::Linear { weights, intercepts, transform } => {
                let rows = weights.chunks_exact(first.len()).zip(intercepts);
                let score = |(weights, intercept): (&[f64], &f64)| {
                    intercept + weights.iter().zip(first).map(|(weight, value)| weight * value).sum::<f64>()
                };
                transform.of(rows.map(score).collect())
            }
            Step::Trees { trees, transform } => {
                let mut raw = vec![0.0; trees.outputs()];
                trees.raw_into(first, &mut raw);
                transform.of(raw)
            }
        }
    }
}

impl Norm {
    fn of(self, values: &[f64]) -> f64 {
        let sizes = values.iter().map(|value| value.abs());
        match self {
            Norm::Most => sizes.fold(0.0, f64::max),
            Norm::Sum => sizes.sum(),
            Norm::Euclid => values.iter().map(|value| value * value).sum::<f64>().sqrt(),
        }
    }
}

impl Arithmetic {
    fn of(self, a: f64, b: f64) -> f64 {
        match self {
            Arithmetic::Add => a + b,
            Arithmetic::Subtract => a - b,
            Arithmetic::Multiply => a * b,
            Arithmetic::Divide => a / b,
        }
    }
}

impl Transform {
    fn width(self, scores: usize) -> usize {
        match self {
            Transform::LogisticOfTwo | Transform::RestOfTwo => 2,
            Transform::None | Transform::Logistic | Transform::Softmax => scores,
        }
    }

    fn of(self, mut scores: Vec<f64>) -> Vec<f64> {
        use crate::model::Link;
        match self {
            Transform::None => {}
            Transform::Logistic => Link::Logistic.apply(&mut scores),
            Transform::Softmax => Link::Softmax.apply(&mut scores),
            Transform::LogisticOfTwo => {
                Link::Logistic.apply(&mut scores);
                scores = vec![1.0 - scores[0], scores[0]];
            }
            Transform::RestOfTwo => scores = vec![1.0 - scores[0], scores[0]],
        }
        scores
    }

    /// What a file asks for, of so many scores for so many classes.
    fn read(node: &Node, scores: usize, classes: usize) -> Result<Transform> {
        match (node.text("post_transform", "NONE"), scores, classes) {
            ("LOGISTIC", 1, 2) => Ok(Transform::LogisticOfTwo),
            ("NONE", 1, 2) => Ok(Transform::RestOfTwo),
            ("NONE", ..) => Ok(Transform::None),
            ("LOGISTIC", ..) => Ok(Transform::Logistic),
            ("SOFTMAX", scores, classes) if scores == classes => Ok(Transform::Softmax),
            (other, ..) => Err(refused(&node.operator, format!("post_transform {other} is not known here"))),
        }
    }
}

/// The classes that a classifier names.
pub fn classes(node: &Node) -> Option<Vec<String>> {
    if !matches!(node.operator.as_str(), "LinearClassifier" | "TreeEnsembleClassifier") {
        return None;
    }
    let texts = ["classlabels_strings"].map(|name| node.texts(name));
    let ints = ["classlabels_int64s", "classlabels_ints"].map(|name| node.ints(name));
    let named = texts.into_iter().find(|names| !names.is_empty()).map(<[String]>::to_vec);
    let numbered =
        || ints.into_iter().find(|names| !names.is_empty()).map(|ints| ints.iter().map(i64::to_string).collect());
    Some(named.or_else(numbered).unwrap_or_default())
}

/// An operator over sources of these widths.
pub fn step(node: &Node, widths: &[usize]) -> Result<Step> {
    let name = node.operator.as_str();
    let width = widths.first().copied().unwrap_or(0);
    let fits = |values: &[f64]| values.len() == 1 || values.len() == width;
    let step = match name {
        "Identity" | "ZipMap" => Step::Same,
        "Cast" if matches!(node.int("to", 0), 1 | 11) => Step::Same,
        "Concat" if matches!(node.int("axis", 1), 1 | -1) => Step::Concat,
        "FeatureVectorizer" => Step::Concat,
        "Scaler" => {
            let or = |values: &[f64], otherwise: f64| if values.is_empty() { vec![otherwise] } else { values.to_vec() };
            Step::Scaler { offset: or(node.floats("offset"), 0.0), scale: or(node.floats("scale"), 1.0) }
        }
        "Normalizer" => Step::Normalizer(match node.text("norm", "MAX") {
            "MAX" => Norm::Most,
            "L1" => Norm::Sum,
            "L2" => Norm::Euclid,
            other => return Err(refused(name, format!("norm {other} is not known"))),
        }),
        "Imputer" if node.float("replaced_value_float", f64::NAN).is_nan() => {
            Step::Imputer(node.floats("imputed_value_floats").to_vec())
        }
        "Add" => Step::Arithmetic(Arithmetic::Add),
        "Sub" => Step::Arithmetic(Arithmetic::Subtract),
        "Mul" => Step::Arithmetic(Arithmetic::Multiply),
        "Div" => Step::Arithmetic(Arithmetic::Divide),
        "LinearRegressor" | "LinearClassifier" => linear(node, width)?,
        "TreeEnsembleRegressor" | "TreeEnsembleClassifier" => trees(node, width)?,
        _ => return Err(refused(name, "it is not known here, or not with these attributes")),
    };
    let whole = match &step {
        Step::Scaler { offset, scale } => fits(offset) && fits(scale),
        Step::Imputer(values) => fits(values),
        Step::Arithmetic(_) => widths.len() == 2 && (widths[0] == widths[1] || widths.contains(&1)),
        _ => true,
    };
    // All but the first of what others take would be left out in silence.
    let many = matches!(step, Step::Concat | Step::Arithmetic(_)) || widths.len() == 1;
    if width == 0 || widths.contains(&0) || !whole || !many {
        return Err(refused(name, "its attributes do not fit its inputs"));
    }
    Ok(step)
}

fn linear(node: &Node, width: usize) -> Result<Step> {
    let weights = node.floats("coefficients").to_vec();
    let outputs = weights.len().checked_div(width).unwrap_or(0);
    let intercepts = match node.floats("intercepts") {
        [] => vec![0.0; outputs],
        values => values.to_vec(),
    };
    if outputs == 0 || outputs.checked_mul(width) != Some(weights.len()) || intercepts.len() != outputs {
        return Err(refused(&node.operator, "its coefficients do not fit its inputs"));
    }
    let classes = classes(node).map_or(outputs, |classes| classes.len());
    let transform = match Transform::read(node, outputs, classes)? {
        // A margin is no probability.
        Transform::RestOfTwo => return Err(refused(&node.operator, "it gives scores and no probabilities")),
        transform => transform,
    };
    Ok(Step::Linear { weights, intercepts, transform })
}

fn trees(node: &Node, width: usize) -> Result<Step> {
    if node.operator == "TreeEnsembleRegressor" {
        let outputs = usize::try_from(node.int("n_targets", 1)).unwrap_or(0);
        if !(1..=10_000).contains(&outputs) {
            return Err(refused(&node.operator, format!("n_targets {outputs} is out of range")));
        }
        let trees = forest::read(node, outputs, "target", width)?;
        let transform = Transform::read(node, outputs, 0)?;
        return Ok(Step::Trees { trees, transform });
    }
    let classes = classes(node).map_or(0, |classes| classes.len());
    let ids = node.ints("class_ids");
    // Of two classes with weights for one of them only, it is one score, the second class's.
    let one = classes == 2 && ids.windows(2).all(|two| two[0] == two[1]);
    let outputs = if one { 1 } else { classes };
    let transform = Transform::read(node, outputs, classes)?;
    let trees = if one && ids.first() == Some(&1) {
        let mut both = forest::read(node, 2, "class", width)?;
        both.roots.iter_mut().for_each(|(_, output)| *output = 0);
        both.base.rotate_left(1);
        both.base.truncate(1);
        both
    } else {
        forest::read(node, outputs, "class", width)?
    };
    Ok(Step::Trees { trees, transform })
}
