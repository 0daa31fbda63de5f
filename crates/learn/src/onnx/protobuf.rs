//! As much of ONNX's messages as models need, read from the wire format of protocol buffers. Unknown fields are passed
//! over; bytes that are no message are refused.

use crate::{Error, Result};

#[derive(Debug, Default)]
pub struct Graph {
    pub nodes: Vec<Node>,
    pub constants: Vec<(String, Vec<f64>)>,
    pub inputs: Vec<Input>,
    pub outputs: Vec<String>,
}

#[derive(Debug, Default)]
pub struct Node {
    pub operator: String,
    pub inputs: Vec<String>,
    pub outputs: Vec<String>,
    pub attributes: Vec<Attribute>,
}

#[derive(Debug, Default)]
pub struct Attribute {
    name: String,
    float: f64,
    int: i64,
    text: String,
    floats: Vec<f64>,
    ints: Vec<i64>,
    texts: Vec<String>,
    tensor: Vec<f64>,
}

#[derive(Debug, Default)]
pub struct Input {
    pub name: String,
    pub element: u64,
    /// Of the second dimension; none where it is not said.
    pub width: Option<usize>,
}

impl Node {
    fn attribute(&self, name: &str) -> Option<&Attribute> {
        self.attributes.iter().find(|attribute| attribute.name == name)
    }

    /// Numbers of an attribute, or of the tensor that stands in its place for doubles.
    pub fn floats(&self, name: &str) -> &[f64] {
        if let Some(attribute) = self.attribute(name) {
            return &attribute.floats;
        }
        let tensor = self.attributes.iter().find(|one| one.name.strip_suffix("_as_tensor") == Some(name));
        tensor.map_or(&[], |attribute| &attribute.tensor)
    }

    pub fn ints(&self, name: &str) -> &[i64] {
        self.attribute(name).map_or(&[], |attribute| &attribute.ints)
    }

    pub fn texts(&self, name: &str) -> &[String] {
        self.attribute(name).map_or(&[], |attribute| &attribute.texts)
    }

    pub fn int(&self, name: &str, otherwise: i64) -> i64 {
        self.attribute(name).map_or(otherwise, |attribute| attribute.int)
    }

    pub fn float(&self, name: &str, otherwise: f64) -> f64 {
        self.attribute(name).map_or(otherwise, |attribute| attribute.float)
    }

    pub fn text<'a>(&'a self, name: &str, otherwise: &'a str) -> &'a str {
        self.attribute(name).map_or(otherwise, |attribute| attribute.text.as_str())
    }
}

/// A field's value as it stands on the wire.
enum Wire<'a> {
    Number(u64),
    Single(f32),
    Double(f64),
    Bytes(&'a [u8]),
}

fn broken() -> Error {
    Error::Foreign { place: "ONNX file".into(), problem: "it is damaged, or no ONNX file".into() }
}

fn varint(bytes: &[u8], at: &mut usize) -> Result<u64> {
    let mut value = 0u64;
    for shift in (0..64).step_by(7) {
        let byte = *bytes.get(*at).ok_or_else(broken)?;
        *at += 1;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Ok(value);
        }
    }
    Err(broken())
}

fn take<'a>(bytes: &'a [u8], at: &mut usize, count: u64) -> Result<&'a [u8]> {
    let end = usize::try_from(count).ok().and_then(|count| at.checked_add(count)).ok_or_else(broken)?;
    let taken = bytes.get(*at..end).ok_or_else(broken)?;
    *at = end;
    Ok(taken)
}

fn fixed<const N: usize>(bytes: &[u8], at: &mut usize) -> Result<[u8; N]> {
    let mut array = [0; N];
    array.copy_from_slice(take(bytes, at, N as u64)?);
    Ok(array)
}

/// Hands each field of a message to a reader.
fn fields<'a>(bytes: &'a [u8], mut read: impl FnMut(u64, Wire<'a>) -> Result<()>) -> Result<()> {
    let mut at = 0;
    while at < bytes.len() {
        let key = varint(bytes, &mut at)?;
        let value = match key & 7 {
            0 => Wire::Number(varint(bytes, &mut at)?),
            1 => Wire::Double(f64::from_le_bytes(fixed(bytes, &mut at)?)),
            2 => {
                let count = varint(bytes, &mut at)?;
                Wire::Bytes(take(bytes, &mut at, count)?)
            }
            5 => Wire::Single(f32::from_le_bytes(fixed(bytes, &mut at)?)),
            _ => return Err(broken()),
        };
        read(key >> 3, value)?;
    }
    Ok(())
}

fn text(bytes: &[u8]) -> Result<String> {
    std::str::from_utf8(bytes).map(String::from).map_err(|_| broken())
}

fn singles(bytes: &[u8]) -> Result<Vec<f64>> {
    let mut at = 0;
    let mut values = Vec::new();
    while at < bytes.len() {
        values.push(f64::from(f32::from_le_bytes(fixed(bytes, &mut at)?)));
    }
    Ok(values)
}

fn doubles(bytes: &[u8]) -> Result<Vec<f64>> {
    let mut at = 0;
    let mut values = Vec::new();
    while at < bytes.len() {
        values.push(f64::from_le_bytes(fixed(bytes, &mut at)?));
    }
    Ok(values)
}

/// The graph of a model.
pub fn model(bytes: &[u8]) -> Result<Graph> {
    let mut found = None;
    fields(bytes, |field, value| {
        if let (7, Wire::Bytes(bytes)) = (field, value) {
            found = Some(graph(bytes)?);
        }
        Ok(())
    })?;
    found.ok_or_else(broken)
}

fn graph(bytes: &[u8]) -> Result<Graph> {
    let mut graph = Graph::default();
    fields(bytes, |field, value| {
        match (field, value) {
            (1, Wire::Bytes(bytes)) => graph.nodes.push(node(bytes)?),
            (5, Wire::Bytes(bytes)) => graph.constants.push(tensor(bytes)?),
            (11, Wire::Bytes(bytes)) => graph.inputs.push(input(bytes)?),
            (12, Wire::Bytes(bytes)) => graph.outputs.push(input(bytes)?.name),
            _ => {}
        }
        Ok(())
    })?;
    Ok(graph)
}

fn node(bytes: &[u8]) -> Result<Node> {
    let mut node = Node::default();
    fields(bytes, |field, value| {
        match (field, value) {
            (1, Wire::Bytes(bytes)) => node.inputs.push(text(bytes)?),
            (2, Wire::Bytes(bytes)) => node.outputs.push(text(bytes)?),
            (4, Wire::Bytes(bytes)) => node.operator = text(bytes)?,
            (5, Wire::Bytes(bytes)) => node.attributes.push(attribute(bytes)?),
            _ => {}
        }
        Ok(())
    })?;
    Ok(node)
}

fn attribute(bytes: &[u8]) -> Result<Attribute> {
    let mut attribute = Attribute::default();
    fields(bytes, |field, value| {
        match (field, value) {
            (1, Wire::Bytes(bytes)) => attribute.name = text(bytes)?,
            (2, Wire::Single(float)) => attribute.float = f64::from(float),
            (3, Wire::Number(int)) => attribute.int = int as i64,
            (4, Wire::Bytes(bytes)) => attribute.text = String::from_utf8_lossy(bytes).into_owned(),
            (5, Wire::Bytes(bytes)) => attribute.tensor = tensor(bytes)?.1,
            (7, Wire::Single(float)) => attribute.floats.push(f64::from(float)),
            (7, Wire::Bytes(bytes)) => attribute.floats.extend(singles(bytes)?),
            (8, Wire::Number(int)) => attribute.ints.push(int as i64),
            (8, Wire::Bytes(bytes)) => {
                let mut at = 0;
                while at < bytes.len() {
                    attribute.ints.push(varint(bytes, &mut at)? as i64);
                }
            }
            (9, Wire::Bytes(bytes)) => attribute.texts.push(String::from_utf8_lossy(bytes).into_owned()),
            _ => {}
        }
        Ok(())
    })?;
    Ok(attribute)
}

/// Name and values; those of other types than numbers have none.
fn tensor(bytes: &[u8]) -> Result<(String, Vec<f64>)> {
    const FLOAT: u64 = 1;
    const DOUBLE: u64 = 11;
    let (mut name, mut kind, mut values, mut raw) = (String::new(), 0, Vec::new(), None);
    fields(bytes, |field, value| {
        match (field, value) {
            (2, Wire::Number(number)) => kind = number,
            (4, Wire::Single(float)) => values.push(f64::from(float)),
            (4, Wire::Bytes(bytes)) => values.extend(singles(bytes)?),
            (8, Wire::Bytes(bytes)) => name = text(bytes)?,
            (9, Wire::Bytes(bytes)) => raw = Some(bytes),
            (10, Wire::Double(double)) => values.push(double),
            (10, Wire::Bytes(bytes)) => values.extend(doubles(bytes)?),
            _ => {}
        }
        Ok(())
    })?;
    match (raw, kind) {
        (Some(raw), FLOAT) => values = singles(raw)?,
        (Some(raw), DOUBLE) => values = doubles(raw)?,
        _ => {}
    }
    Ok((name, values))
}

fn input(bytes: &[u8]) -> Result<Input> {
    let mut input = Input::default();
    fields(bytes, |field, value| {
        match (field, value) {
            (1, Wire::Bytes(bytes)) => input.name = text(bytes)?,
            (2, Wire::Bytes(bytes)) => type_of(bytes, &mut input)?,
            _ => {}
        }
        Ok(())
    })?;
    Ok(input)
}

fn type_of(bytes: &[u8], input: &mut Input) -> Result<()> {
    fields(bytes, |field, value| {
        let (1, Wire::Bytes(bytes)) = (field, value) else { return Ok(()) };
        fields(bytes, |field, value| {
            match (field, value) {
                (1, Wire::Number(element)) => input.element = element,
                (2, Wire::Bytes(bytes)) => input.width = second_dimension(bytes)?,
                _ => {}
            }
            Ok(())
        })
    })
}

fn second_dimension(bytes: &[u8]) -> Result<Option<usize>> {
    let mut dimensions = Vec::new();
    fields(bytes, |field, value| {
        if let (1, Wire::Bytes(bytes)) = (field, value) {
            let mut size = None;
            fields(bytes, |field, value| {
                if let (1, Wire::Number(number)) = (field, value) {
                    size = usize::try_from(number).ok();
                }
                Ok(())
            })?;
            dimensions.push(size);
        }
        Ok(())
    })?;
    Ok(dimensions.get(1).copied().flatten())
}
