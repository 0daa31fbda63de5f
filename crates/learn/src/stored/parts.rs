//! The parts of models, in the order in which they stand in the bytes. What is read is checked as a whole before it is
//! used.

use super::bytes::{Reader, Writer};
use crate::Result;
use crate::data::{Encoder, Kind};
use crate::factorization::Factorization;
use crate::linear::{Linear, Term};
use crate::model::{Link, Model, Scorer};
use crate::onnx::Imported;
use crate::random_cut::{self, Dimension, Forest};
use crate::trees::{self, Ensemble};

pub fn write_model(writer: &mut Writer, model: &Model) {
    write_encoder(writer, &model.encoder);
    writer.u8(match model.link {
        Link::Identity => 0,
        Link::Logistic => 1,
        Link::Softmax => 2,
    });
    writer.texts(&model.classes);
    match &model.scorer {
        Scorer::Trees(trees) => {
            writer.u8(1);
            write_trees(writer, trees);
        }
        Scorer::Linear(linear) => {
            writer.u8(2);
            write_linear(writer, linear);
        }
        Scorer::Imported(imported) => {
            writer.u8(3);
            writer.list(&imported.file, |writer, byte| writer.u8(*byte));
        }
    }
}

pub fn read_model(reader: &mut Reader<'_>) -> Result<Model> {
    let encoder = read_encoder(reader)?;
    let link = match reader.u8()? {
        0 => Link::Identity,
        1 => Link::Logistic,
        2 => Link::Softmax,
        other => return Err(reader.damaged(format!("there is no link {other}"))),
    };
    let classes = reader.texts()?;
    let scorer = match reader.u8()? {
        1 => Scorer::Trees(read_trees(reader)?),
        2 => Scorer::Linear(read_linear(reader)?),
        3 => {
            let file = reader.list(1, Reader::u8)?;
            Scorer::Imported(Imported::read(&file).map_err(|error| reader.damaged(error.to_string()))?)
        }
        other => return Err(reader.damaged(format!("there is no scorer {other}"))),
    };
    let fits = match &scorer {
        Scorer::Imported(imported) => link == Link::Identity && classes == imported.classes(),
        _ if link == Link::Softmax => !classes.is_empty() && scorer.outputs() == classes.len(),
        _ => classes.is_empty() && scorer.outputs() == 1,
    };
    if !fits || scorer.features() != encoder.width() {
        return Err(reader.damaged("its parts do not fit each other"));
    }
    Ok(Model { encoder, scorer, link, classes })
}

fn write_encoder(writer: &mut Writer, encoder: &Encoder) {
    writer.list(encoder.features(), |writer, (name, kind)| {
        writer.text(name);
        match kind {
            Kind::Number => writer.u8(0),
            Kind::Categories(names) => {
                writer.u8(1);
                writer.texts(names);
            }
        }
    });
}

fn read_encoder(reader: &mut Reader<'_>) -> Result<Encoder> {
    let features = reader.list(9, |reader| {
        let name = reader.text()?;
        let kind = match reader.u8()? {
            0 => Kind::Number,
            1 => Kind::Categories(reader.texts()?),
            other => return Err(reader.damaged(format!("there is no kind of feature {other}"))),
        };
        Ok((name, kind))
    })?;
    let sorted = |kind: &Kind| match kind {
        Kind::Number => true,
        Kind::Categories(names) => names.windows(2).all(|two| two[0] < two[1]),
    };
    if !features.iter().all(|(_, kind)| sorted(kind)) {
        return Err(reader.damaged("categories are not sorted"));
    }
    Ok(Encoder::of(features))
}

fn write_trees(writer: &mut Writer, ensemble: &Ensemble) {
    writer.u64(ensemble.features as u64);
    writer.f64s(&ensemble.base);
    writer.list(&ensemble.roots, |writer, (root, output)| {
        writer.u32(*root);
        writer.u32(*output);
    });
    writer.list(&ensemble.nodes, |writer, node| {
        writer.f64(node.value);
        for number in [node.feature, node.left, node.right, node.test] {
            writer.u32(number);
        }
    });
    writer.f64s(&ensemble.covers);
    writer.f64s(&ensemble.gains);
    writer.list(&ensemble.sets, |writer, set| writer.list(set, |writer, word| writer.u64(*word)));
}

fn read_trees(reader: &mut Reader<'_>) -> Result<Ensemble> {
    let features = reader.u64()? as usize;
    let base = reader.f64s()?;
    let roots = reader.list(8, |reader| Ok((reader.u32()?, reader.u32()?)))?;
    let nodes = reader.list(24, |reader| {
        Ok(trees::Node {
            value: reader.f64()?,
            feature: reader.u32()?,
            left: reader.u32()?,
            right: reader.u32()?,
            test: reader.u32()?,
        })
    })?;
    let (covers, gains) = (reader.f64s()?, reader.f64s()?);
    let sets = reader.list(8, |reader| reader.list(8, Reader::u64))?;
    let ensemble = Ensemble { features, base, roots, nodes, covers, gains, sets };
    ensemble.check()?;
    Ok(ensemble)
}

fn write_linear(writer: &mut Writer, linear: &Linear) {
    writer.f64s(&linear.intercepts);
    writer.list(&linear.terms, |writer, term| match term {
        Term::Number { mean, weights } => {
            writer.u8(0);
            writer.f64(*mean);
            writer.f64s(weights);
        }
        Term::Category { weights, means } => {
            writer.u8(1);
            writer.f64s(weights);
            writer.f64s(means);
        }
    });
}

fn read_linear(reader: &mut Reader<'_>) -> Result<Linear> {
    let intercepts = reader.f64s()?;
    let terms = reader.list(17, |reader| match reader.u8()? {
        0 => Ok(Term::Number { mean: reader.f64()?, weights: reader.f64s()? }),
        1 => Ok(Term::Category { weights: reader.f64s()?, means: reader.f64s()? }),
        other => Err(reader.damaged(format!("there is no kind of term {other}"))),
    })?;
    let linear = Linear { intercepts, terms };
    linear.check()?;
    Ok(linear)
}

pub fn write_factorization(writer: &mut Writer, model: &Factorization) {
    writer.u64(model.factors as u64);
    writer.texts(&model.users);
    writer.texts(&model.items);
    writer.f64s(&model.user_factors);
    writer.f64s(&model.item_factors);
    writer.list(&model.seen, |writer, items| writer.list(items, |writer, item| writer.u32(*item)));
}

pub fn read_factorization(reader: &mut Reader<'_>) -> Result<Factorization> {
    let model = Factorization {
        factors: reader.u64()? as usize,
        users: reader.texts()?,
        items: reader.texts()?,
        user_factors: reader.f64s()?,
        item_factors: reader.f64s()?,
        seen: reader.list(8, |reader| reader.list(4, Reader::u32))?,
    };
    model.check()?;
    Ok(model)
}

pub fn write_forest(writer: &mut Writer, forest: &Forest) {
    write_encoder(writer, &forest.encoder);
    writer.list(&forest.dimensions, |writer, dimension| match dimension {
        Dimension::Number { feature, mean, deviation } => {
            writer.u8(0);
            writer.u64(*feature as u64);
            writer.f64(*mean);
            writer.f64(*deviation);
        }
        Dimension::Category { feature, code } => {
            writer.u8(1);
            writer.u64(*feature as u64);
            writer.u32(*code);
        }
    });
    writer.list(&forest.trees, |writer, tree| {
        writer.list(&tree.nodes, |writer, node| {
            writer.f64(node.at);
            for number in [node.cut, node.left, node.right, node.rows] {
                writer.u32(number);
            }
        });
        writer.f64s(&tree.boxes);
    });
}

pub fn read_forest(reader: &mut Reader<'_>) -> Result<Forest> {
    let encoder = read_encoder(reader)?;
    let dimensions = reader.list(13, |reader| match reader.u8()? {
        0 => Ok(Dimension::Number { feature: reader.u64()? as usize, mean: reader.f64()?, deviation: reader.f64()? }),
        1 => Ok(Dimension::Category { feature: reader.u64()? as usize, code: reader.u32()? }),
        other => Err(reader.damaged(format!("there is no kind of dimension {other}"))),
    })?;
    let trees = reader.list(16, |reader| {
        let nodes = reader.list(24, |reader| {
            let at = reader.f64()?;
            let (cut, left, right, rows) = (reader.u32()?, reader.u32()?, reader.u32()?, reader.u32()?);
            Ok(random_cut::Node { cut, at, left, right, rows })
        })?;
        Ok(random_cut::Tree { nodes, boxes: reader.f64s()? })
    })?;
    let forest = Forest { encoder, dimensions, trees };
    forest.check()?;
    Ok(forest)
}
