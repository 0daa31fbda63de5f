//! Predictions, as clients want them.

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{DataType, Float64Type};
use axum::Json;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use headwater_query::model::Task;
use serde_json::{Value, json};

use super::rows::Shape;

/// What a model said of rows.
pub struct Said {
    pub task: Task,
    pub columns: Vec<ArrayRef>,
    pub rows: usize,
    pub version: u64,
}

impl Said {
    /// What is said of a row: a number, a class, how unlike the others it is, or items.
    fn prediction(&self, row: usize) -> Value {
        match self.task {
            Task::Recommendation => items(&self.columns[0], row),
            _ => value(&self.columns[0], row),
        }
    }

    /// How probable it is.
    fn score(&self, row: usize) -> Option<Value> {
        self.columns.get(1).map(|scores| value(scores, row))
    }

    fn object(&self, row: usize) -> Value {
        match (&self.task, self.score(row)) {
            (Task::Classification(_), Some(score)) => json!({"predicted_label": self.prediction(row), "score": score}),
            (Task::Recommendation, _) => json!({"items": self.prediction(row)}),
            _ => json!({"score": self.prediction(row)}),
        }
    }

    /// One figure or label a row: the probability of what is true or false.
    fn line(&self, row: usize) -> String {
        let said = match &self.task {
            Task::Classification(of) if *of == DataType::Boolean => self.score(row).unwrap_or(Value::Null),
            Task::Recommendation => {
                let Value::Array(items) = self.prediction(row) else { return String::new() };
                let names = items.iter().filter_map(|item| item.get("item").and_then(Value::as_str));
                return names.collect::<Vec<_>>().join(",");
            }
            _ => self.prediction(row),
        };
        match said {
            Value::String(text) => text,
            Value::Null => String::new(),
            other => other.to_string(),
        }
    }
}

/// In the shape of the request.
pub fn answer(said: &Said, shape: Shape) -> Response {
    let version = [("x-headwater-model-version", said.version.to_string())];
    let each = || 0..said.rows;
    match shape {
        Shape::Csv => {
            let lines: String = each().map(|row| said.line(row) + "\n").collect();
            (version, [(CONTENT_TYPE, "text/csv; charset=utf-8")], lines).into_response()
        }
        Shape::JsonLines => {
            let lines: String = each().map(|row| said.object(row).to_string() + "\n").collect();
            (version, [(CONTENT_TYPE, "application/jsonlines")], lines).into_response()
        }
        Shape::Sagemaker => {
            let predictions: Vec<Value> = each().map(|row| said.object(row)).collect();
            (version, Json(json!({"predictions": predictions}))).into_response()
        }
        Shape::Mlflow => {
            let predictions: Vec<Value> = each().map(|row| said.prediction(row)).collect();
            let mut answer = json!({"predictions": predictions, "model_version": said.version});
            if matches!(said.task, Task::Classification(_)) {
                answer["scores"] = each().map(|row| said.score(row).unwrap_or(Value::Null)).collect();
            }
            (version, Json(answer)).into_response()
        }
    }
}

fn value(column: &ArrayRef, row: usize) -> Value {
    if column.is_null(row) {
        return Value::Null;
    }
    match column.data_type() {
        DataType::Float64 => json!(column.as_primitive::<Float64Type>().value(row)),
        DataType::Boolean => json!(column.as_boolean().value(row)),
        DataType::Utf8View => json!(column.as_string_view().value(row)),
        // A class of another type is told by its text, as a number where it is one.
        _ => {
            let text = arrow::util::display::array_value_to_string(column, row).unwrap_or_default();
            serde_json::from_str(&text).unwrap_or(Value::String(text))
        }
    }
}

fn items(lists: &ArrayRef, row: usize) -> Value {
    let list = lists.as_list::<i32>().value(row);
    let found = list.as_struct();
    let (items, scores) = (found.column(0), found.column(1));
    (0..found.len()).map(|at| json!({"item": value(items, at), "score": value(scores, at)})).collect()
}
