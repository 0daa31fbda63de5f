//! Every system that we speak to: the sources that rows come from and the sinks that they leave by.
//!
//! A source hands over records in its stream's format and a position in JSON; it never touches the log. All of them
//! pass the suite in [`contract`]. Options arrive here as Rust values: their SQL is read elsewhere.

pub mod contract;
pub mod error;
pub mod files;
pub mod generator;
pub mod notify;
pub mod outlet;
pub mod shop;

use arrow_schema::SchemaRef;
use headwater_format::Format;

pub use error::{Error, Result};
pub use files::FileSource;
pub use generator::Generator;
pub use shop::Shop;

/// The stream that a source feeds.
#[derive(Debug, Clone)]
pub struct Target {
    pub schema: SchemaRef,
    pub format: Format,
    /// The column of event time, which pacing goes by.
    pub event_time: Option<usize>,
}

/// The known name that an unknown one was probably meant to be: at most two letters away, or three of a long one.
fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let limit = if name.len() > 8 { 3 } else { 2 };
    let by_distance = known.map(|known| (distance(&name.to_lowercase(), &known.to_lowercase()), known));
    by_distance.filter(|(distance, _)| *distance <= limit).min().map(|(_, known)| known)
}

/// Edits of one letter between two words (Levenshtein, row by row).
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, a) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, b) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(a != *b);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}
