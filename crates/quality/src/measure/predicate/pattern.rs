//! Regular expressions over texts.

use arrow::array::{Array, StringViewArray};
use arrow::buffer::BooleanBuffer;
use regex::Regex;

/// Patterns of which one, or all, must be found somewhere in a text.
#[derive(Debug)]
pub struct Patterns {
    each: Vec<Regex>,
    all: bool,
}

impl Patterns {
    /// # Errors
    /// What is wrong with a pattern.
    pub fn new(patterns: &[String], all: bool) -> Result<Patterns, String> {
        let compile = |pattern: &String| {
            Regex::new(pattern).map_err(|error| match error {
                regex::Error::Syntax(told) => {
                    // The last line says what is wrong; those before it show where.
                    let last = told.lines().last().unwrap_or_default();
                    format!("'{pattern}' is no regular expression: {}", last.trim_start_matches("error: "))
                }
                other => format!("'{pattern}' can't be used: {other}"),
            })
        };
        Ok(Patterns { each: patterns.iter().map(compile).collect::<Result<Vec<_>, String>>()?, all })
    }

    pub fn found(&self, texts: &StringViewArray) -> BooleanBuffer {
        if let [only] = &self.each[..] {
            return BooleanBuffer::collect_bool(texts.len(), |row| only.is_match(texts.value(row)));
        }
        BooleanBuffer::collect_bool(texts.len(), |row| {
            let text = texts.value(row);
            let mut each = self.each.iter().map(|one| one.is_match(text));
            if self.all { each.all(|found| found) } else { each.any(|found| found) }
        })
    }
}
