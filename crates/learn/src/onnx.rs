//! Models of others, from ONNX files: the operators that scikit-learn's linear models, forests, boosted trees and
//! scalers are exported to. Anything else is refused by its name.
//!
//! Operators and their attributes are those of ONNX's `ai.onnx.ml` specification. A file whose inputs are single
//! precision is computed in it, but for sums, which are double: so each row goes down the same side of each question.

mod forest;
mod operators;
mod protobuf;

use std::collections::BTreeMap;

use crate::data::{Encoder, Kind};
use crate::model::{Link, Model, Scorer};
use crate::{Error, Result};

use operators::Step;
use protobuf::{Graph, Node};

/// Types of elements by ONNX's numbers.
const FLOAT: u64 = 1;
const INT64: u64 = 7;
const DOUBLE: u64 = 11;

pub(crate) fn refused(operator: &str, problem: impl Into<String>) -> Error {
    Error::Foreign { place: format!("ONNX operator {operator}"), problem: problem.into() }
}

/// Steps over registers, each of which holds some numbers.
#[derive(Debug, Clone, PartialEq)]
pub struct Imported {
    /// The file, by which the model is kept.
    pub(crate) file: Vec<u8>,
    /// How many numbers each input takes from the row, in order.
    inputs: Vec<usize>,
    single: bool,
    /// Each writes the next register behind the inputs'.
    steps: Vec<(Step, Vec<usize>)>,
    output: usize,
    outputs: usize,
    classes: Vec<String>,
}

impl Model {
    /// A model from an ONNX file. The columns name its inputs' numbers in order; of a classifier, predictions are the
    /// probabilities of [`Model::classes`]. It can't be explained but by permutation, and takes memory for each row.
    pub fn from_onnx(file: &[u8], columns: &[&str]) -> Result<Model> {
        let imported = Imported::read(file)?;
        if columns.len() != imported.features() {
            let problem = format!("it takes {} numbers, {} columns are named", imported.features(), columns.len());
            return Err(Error::Foreign { place: "ONNX file".into(), problem });
        }
        let encoder = Encoder::of(columns.iter().map(|column| (column.to_string(), Kind::Number)).collect());
        let classes = imported.classes.clone();
        Ok(Model { encoder, scorer: Scorer::Imported(imported), link: Link::Identity, classes })
    }
}

impl Imported {
    pub fn features(&self) -> usize {
        self.inputs.iter().sum()
    }

    pub fn outputs(&self) -> usize {
        self.outputs
    }

    pub(crate) fn classes(&self) -> &[String] {
        &self.classes
    }

    pub(crate) fn read(file: &[u8]) -> Result<Imported> {
        let graph = protobuf::model(file)?;
        let mut build = Build::new(&graph)?;
        // Labels are not computed: they follow from probabilities.
        let wanted = graph.outputs.iter().find(|output| !build.is_label(output));
        let wanted =
            wanted.ok_or_else(|| refused("output", "the file gives labels only; export probabilities, too"))?;
        let output = build.register(wanted, 0)?;
        let Build { inputs, steps, widths, classes, single, .. } = build;
        let outputs = widths[output];
        if outputs == 0 || !(classes.is_empty() || classes.len() == outputs) {
            return Err(refused("output", format!("{} classes have {outputs} probabilities", classes.len())));
        }
        Ok(Imported { file: file.to_vec(), inputs, single, steps, output, outputs, classes })
    }

    pub fn raw_into(&self, row: &[f64], raw: &mut [f64]) {
        let round = |value: f64| if self.single { f64::from(value as f32) } else { value };
        let mut registers: Vec<Vec<f64>> = Vec::with_capacity(self.inputs.len() + self.steps.len());
        let mut from = 0;
        for width in &self.inputs {
            registers.push(row[from..from + width].iter().map(|value| round(*value)).collect());
            from += width;
        }
        for (step, sources) in &self.steps {
            let sources: Vec<&[f64]> = sources.iter().map(|source| registers[*source].as_slice()).collect();
            let mut result = step.apply(&sources);
            result.iter_mut().for_each(|value| *value = round(*value));
            registers.push(result);
        }
        raw.copy_from_slice(&registers[self.output]);
    }
}

/// Registers as they are found to be needed, from the output back.
struct Build<'a> {
    graph: &'a Graph,
    inputs: Vec<usize>,
    single: bool,
    steps: Vec<(Step, Vec<usize>)>,
    /// Of each register.
    widths: Vec<usize>,
    known: BTreeMap<String, usize>,
    classes: Vec<String>,
}

/// No graph of a model is deeper; one with a circle is.
const DEPTH_MAX: usize = 200;

impl<'a> Build<'a> {
    fn new(graph: &'a Graph) -> Result<Build<'a>> {
        let constant = |name: &str| graph.constants.iter().any(|(constant, _)| constant == name);
        let mut build = Build {
            graph,
            inputs: Vec::new(),
            single: true,
            steps: Vec::new(),
            widths: Vec::new(),
            known: BTreeMap::new(),
            classes: Vec::new(),
        };
        for input in graph.inputs.iter().filter(|input| !constant(&input.name)) {
            if ![FLOAT, INT64, DOUBLE].contains(&input.element) {
                return Err(refused("input", format!("{} does not take numbers", input.name)));
            }
            let width = input.width.filter(|width| (1..=100_000).contains(width));
            let width = width.ok_or_else(|| refused("input", format!("{} does not say its width", input.name)))?;
            build.single &= input.element != DOUBLE;
            build.known.insert(input.name.clone(), build.widths.len());
            build.widths.push(width);
            build.inputs.push(width);
        }
        Ok(build)
    }

    fn maker(&self, name: &str) -> Option<&'a Node> {
        self.graph.nodes.iter().find(|node| node.outputs.iter().any(|output| output == name))
    }

    /// Whether a value is a classifier's label, or made of one.
    fn is_label(&self, name: &str) -> bool {
        let mut name = name;
        for _ in 0..DEPTH_MAX {
            let Some(node) = self.maker(name) else { return false };
            match (node.operator.as_str(), node.inputs.first()) {
                ("LinearClassifier" | "TreeEnsembleClassifier", _) => return node.outputs[0] == name,
                ("Cast" | "Identity" | "Reshape", Some(input)) => name = input,
                _ => return false,
            }
        }
        false
    }

    /// The register that holds a value, with all steps that make it.
    fn register(&mut self, name: &str, depth: usize) -> Result<usize> {
        if let Some(register) = self.known.get(name) {
            return Ok(*register);
        }
        if let Some((_, values)) = self.graph.constants.iter().find(|(constant, _)| constant == name) {
            return Ok(self.push(name, Step::Constant(values.clone()), Vec::new(), values.len()));
        }
        if depth > DEPTH_MAX {
            return Err(refused("graph", "it is too deep, or goes in a circle"));
        }
        let node = self.maker(name).ok_or_else(|| refused("graph", format!("nothing makes {name}")))?;
        let sources: Vec<usize> =
            node.inputs.iter().map(|input| self.register(input, depth + 1)).collect::<Result<_>>()?;
        let widths: Vec<usize> = sources.iter().map(|source| self.widths[*source]).collect();
        let step = operators::step(node, &widths)?;
        if let Some(classes) = operators::classes(node) {
            self.classes = classes;
        }
        let width = step.width(&widths);
        Ok(self.push(name, step, sources, width))
    }

    fn push(&mut self, name: &str, step: Step, sources: Vec<usize>, width: usize) -> usize {
        self.steps.push((step, sources));
        self.widths.push(width);
        self.known.insert(name.to_string(), self.widths.len() - 1);
        self.widths.len() - 1
    }
}

#[cfg(test)]
mod tests;
