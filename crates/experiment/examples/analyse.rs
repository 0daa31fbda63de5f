//! Answers questions about experiments, for other languages' programs to compare with their own answers.
//!
//! usage: analyse < QUESTIONS; a JSON array in, a JSON array out. Each question has a `what`: `hash`, `assign`,
//! `analyse` (rows of a CSV file), `proportions`, `sample_ratio`, `adjust`, `power`, `tails`. A question that is
//! refused is answered with an `error`.

#[path = "analyse/questions.rs"]
mod questions;
#[path = "analyse/report.rs"]
mod report;
#[path = "analyse/rows.rs"]
mod rows;

use std::io::Read;

use serde_json::{Value, json};

/// What went wrong, for who asked.
pub type Answer = Result<Value, Box<dyn std::error::Error>>;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text)?;
    let questions: Vec<Value> = serde_json::from_str(&text)?;
    let answers: Vec<Value> = questions
        .iter()
        .map(|question| questions::answer(question).unwrap_or_else(|error| json!({ "error": error.to_string() })))
        .collect();
    println!("{}", serde_json::to_string(&answers)?);
    Ok(())
}
