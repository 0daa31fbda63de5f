//! Rows to score, as clients send them.

use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, Float64Array, StringViewArray};
use arrow::datatypes::DataType;
use axum::http::StatusCode;
use headwater_query::model::Model;
use serde_json::{Map, Value};

use super::super::failure::Failure;

/// Whose shape a request has, and so its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// `{"dataframe_split": …}`, `{"dataframe_records": …}` or `{"inputs": …}`, and `{"instances": …}` of plain rows.
    Mlflow,
    /// `{"instances": [{"features": […]}]}`.
    Sagemaker,
    JsonLines,
    Csv,
}

/// The columns that a model takes, in its order.
pub struct Rows {
    pub columns: Vec<ArrayRef>,
    pub number: usize,
    pub shape: Shape,
}

const HINT: &str = "send {\"dataframe_records\": [{\"column\": value, …}, …]}, {\"dataframe_split\": {\"columns\": […], \
                    \"data\": [[…], …]}}, {\"instances\": […]} or {\"inputs\": {\"column\": […], …}} as application/json, or rows as text/csv";

fn refuse(message: impl Into<String>) -> Failure {
    Failure::invalid(StatusCode::BAD_REQUEST, message, HINT)
}

/// One cell for each column of the model.
type Cells = Vec<Value>;

impl Rows {
    pub fn read(model: &Model, content: &str, body: &[u8]) -> Result<Rows, Failure> {
        let content = content.split(';').next().unwrap_or_default().trim();
        let (cells, shape) = match content {
            "application/json" => of_json(model, body)?,
            "application/jsonlines" | "application/x-ndjson" | "application/jsonl" => {
                (of_lines(model, body)?, Shape::JsonLines)
            }
            "text/csv" => (of_csv(model, body)?, Shape::Csv),
            other => {
                let message = format!("the content type {other} is not one that models take");
                return Err(Failure::invalid(StatusCode::UNSUPPORTED_MEDIA_TYPE, message, HINT));
            }
        };
        let number = cells.len();
        let columns = (0..model.inputs.len()).map(|at| column(model, at, &cells)).collect::<Result<_, _>>()?;
        Ok(Rows { columns, number, shape })
    }
}

fn parse(body: &[u8]) -> Result<Value, Failure> {
    serde_json::from_slice(body).map_err(|error| refuse(format!("the body is no JSON: {error}")))
}

fn of_json(model: &Model, body: &[u8]) -> Result<(Vec<Cells>, Shape), Failure> {
    let Value::Object(mut request) = parse(body)? else { return Err(refuse("the body is no object")) };
    if let Some(split) = request.remove("dataframe_split") {
        return Ok((of_split(model, split)?, Shape::Mlflow));
    }
    if let Some(records) = request.remove("dataframe_records") {
        let Value::Array(records) = records else { return Err(refuse("dataframe_records is no list")) };
        return Ok((records.into_iter().map(|record| of_row(model, record)).collect::<Result<_, _>>()?, Shape::Mlflow));
    }
    if let Some(instances) = request.remove("instances") {
        let Value::Array(instances) = instances else { return Err(refuse("instances is no list")) };
        let is_sagemaker = instances.first().is_some_and(|first| first.get("features").is_some_and(Value::is_array));
        let shape = if is_sagemaker { Shape::Sagemaker } else { Shape::Mlflow };
        return Ok((instances.into_iter().map(|row| of_row(model, row)).collect::<Result<_, _>>()?, shape));
    }
    match request.remove("inputs") {
        Some(Value::Object(columns)) => Ok((of_columns(model, &columns)?, Shape::Mlflow)),
        Some(Value::Array(rows)) => {
            Ok((rows.into_iter().map(|row| of_row(model, row)).collect::<Result<_, _>>()?, Shape::Mlflow))
        }
        Some(_) => Err(refuse("inputs is neither an object nor a list")),
        None => Err(refuse("the body has no rows")),
    }
}

/// `{"columns": ["a", "b"], "data": [[1, 2], …]}`
fn of_split(model: &Model, split: Value) -> Result<Vec<Cells>, Failure> {
    let Value::Object(mut split) = split else { return Err(refuse("dataframe_split is no object")) };
    let (Some(Value::Array(data)), columns) = (split.remove("data"), split.remove("columns")) else {
        return Err(refuse("dataframe_split has no data"));
    };
    let places = match columns {
        None => (0..model.inputs.len()).collect(),
        Some(Value::Array(columns)) => {
            let names: Vec<&str> = columns.iter().filter_map(Value::as_str).collect();
            let place =
                |name: &String| names.iter().position(|column| *column == name).ok_or_else(|| missing(model, name));
            model.inputs.iter().map(|input| place(input.name())).collect::<Result<Vec<_>, _>>()?
        }
        Some(_) => return Err(refuse("dataframe_split's columns are no list")),
    };
    let of_row = |row: Value| {
        let Value::Array(mut cells) = row else { return Err(refuse("a row of dataframe_split's data is no list")) };
        let take = |at: &usize| {
            cells.get_mut(*at).map(Value::take).ok_or_else(|| refuse("a row has fewer values than columns"))
        };
        places.iter().map(take).collect()
    };
    data.into_iter().map(of_row).collect()
}

/// An object by names, a list in the model's order, or either under `features`.
fn of_row(model: &Model, row: Value) -> Result<Cells, Failure> {
    match row {
        Value::Object(mut row) => {
            if let Some(features @ (Value::Array(_) | Value::Object(_))) = row.remove("features") {
                return of_row(model, features);
            }
            let mut take = |name: &String| row.get_mut(name).map(Value::take).ok_or_else(|| missing(model, name));
            model.inputs.iter().map(|input| take(input.name())).collect()
        }
        Value::Array(cells) if cells.len() == model.inputs.len() => Ok(cells),
        Value::Array(cells) => Err(wrong_number(model, cells.len())),
        cell if model.inputs.len() == 1 => Ok(vec![cell]),
        _ => Err(refuse("a row is neither an object nor a list")),
    }
}

/// `{"a": [1, 2], "b": [3, 4]}`
fn of_columns(model: &Model, columns: &Map<String, Value>) -> Result<Vec<Cells>, Failure> {
    let column = |name: &String| match columns.get(name) {
        Some(Value::Array(values)) => Ok(values.clone()),
        Some(value) => Ok(vec![value.clone()]),
        None => Err(missing(model, name)),
    };
    let columns = model.inputs.iter().map(|input| column(input.name())).collect::<Result<Vec<_>, _>>()?;
    let number = columns.first().map_or(0, Vec::len);
    if columns.iter().any(|column| column.len() != number) {
        return Err(refuse("the columns of inputs have not equally many values"));
    }
    Ok((0..number).map(|row| columns.iter().map(|column| column[row].clone()).collect()).collect())
}

fn of_lines(model: &Model, body: &[u8]) -> Result<Vec<Cells>, Failure> {
    let lines = body.split(|byte| *byte == b'\n').filter(|line| !line.trim_ascii().is_empty());
    lines.map(|line| of_row(model, parse(line)?)).collect()
}

/// With a header where the first row has the model's names, else in its order.
fn of_csv(model: &Model, body: &[u8]) -> Result<Vec<Cells>, Failure> {
    let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(body);
    let records = reader.records().collect::<Result<Vec<_>, _>>();
    let records = records.map_err(|error| refuse(format!("the body is no CSV: {error}")))?;
    let place = |name: &String| records.first().and_then(|first| first.iter().position(|cell| cell.trim() == name));
    let places: Option<Vec<usize>> = model.inputs.iter().map(|input| place(input.name())).collect();
    let has_header = places.is_some();
    let places = places.unwrap_or_else(|| (0..model.inputs.len()).collect());
    let cell = |text: &str| if text.is_empty() { Value::Null } else { Value::String(text.to_owned()) };
    let of_record = |record: &csv::StringRecord| {
        if !has_header && record.len() != model.inputs.len() {
            return Err(wrong_number(model, record.len()));
        }
        let take = |at: &usize| record.get(*at).map(cell).ok_or_else(|| refuse("a row has fewer values than columns"));
        places.iter().map(take).collect()
    };
    records.iter().skip(usize::from(has_header)).map(of_record).collect()
}

fn wrong_number(model: &Model, found: usize) -> Failure {
    let names: Vec<&str> = model.inputs.iter().map(|input| input.name().as_str()).collect();
    let wanted = names.len();
    refuse(format!("a row has {found} values, {} takes {wanted} ({})", model.name, names.join(", ")))
}

fn missing(model: &Model, column: &str) -> Failure {
    let message = format!("{} needs {column}, which a row has not", model.name);
    Failure::invalid(StatusCode::BAD_REQUEST, message, "give it, as null where it is unknown")
}

fn column(model: &Model, at: usize, cells: &[Cells]) -> Result<ArrayRef, Failure> {
    let input = &model.inputs[at];
    let wrong = |cell: &Value, wanted: &str| refuse(format!("{} is {cell}, and {wanted} is wanted", input.name()));
    Ok(match input.data_type() {
        DataType::Boolean => {
            let truth = |cell: &Value| match cell {
                Value::Null => Ok(None),
                Value::Bool(truth) => Ok(Some(*truth)),
                Value::Number(number) if number.as_f64() == Some(1.0) => Ok(Some(true)),
                Value::Number(number) if number.as_f64() == Some(0.0) => Ok(Some(false)),
                Value::String(text) if text.eq_ignore_ascii_case("true") => Ok(Some(true)),
                Value::String(text) if text.eq_ignore_ascii_case("false") => Ok(Some(false)),
                other => Err(wrong(other, "true or false")),
            };
            let truths = cells.iter().map(|row| truth(&row[at])).collect::<Result<Vec<_>, _>>()?;
            Arc::new(BooleanArray::from(truths))
        }
        DataType::Float64 => {
            let number = |cell: &Value| match cell {
                Value::Null => Ok(None),
                Value::Number(number) => Ok(number.as_f64()),
                Value::Bool(truth) => Ok(Some(f64::from(u8::from(*truth)))),
                Value::String(text) => {
                    let number = text.trim().parse::<f64>().ok().filter(|number| number.is_finite());
                    number.map(Some).ok_or_else(|| wrong(cell, "a number"))
                }
                other => Err(wrong(other, "a number")),
            };
            let numbers = cells.iter().map(|row| number(&row[at])).collect::<Result<Vec<_>, _>>()?;
            Arc::new(Float64Array::from(numbers))
        }
        _ => {
            let text = |cell: &Value| match cell {
                Value::Null => Ok(None),
                Value::String(text) => Ok(Some(text.clone())),
                Value::Number(number) => Ok(Some(number.to_string())),
                Value::Bool(truth) => Ok(Some(truth.to_string())),
                other => Err(wrong(other, "a text")),
            };
            let texts = cells.iter().map(|row| text(&row[at])).collect::<Result<Vec<_>, _>>()?;
            Arc::new(texts.iter().map(Option::as_deref).collect::<StringViewArray>())
        }
    })
}
