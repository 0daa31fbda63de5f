//! What the tests of this crate share: relations from SQL, records in chunks, and a log in memory.

pub mod memory;

use std::sync::Arc;

use arrow::array::RecordBatch;
use headwater_log::{Builder, Chunk};
use headwater_sql::ast::{CreateMaterializedView, CreateStream};
use headwater_sql::{Parsed, SourceText, Statement};

use crate::relation::{Relations, Stream, View, resolve};
use crate::{Error, Result};

/// Microseconds in a second.
pub const SECOND: i64 = 1_000_000;

pub const ORDERS: &str = "CREATE STREAM orders (
    order_id BIGINT NOT NULL,
    category VARCHAR,
    amount DECIMAL(10, 2),
    ordered_at TIMESTAMP,
    WATERMARK FOR ordered_at AS ordered_at - INTERVAL '5 seconds'
) WITH (partitions = 2, max_future = 'none')";

pub fn parsed(text: &str) -> Parsed {
    let source = SourceText::new("test.sql", text);
    headwater_sql::parse(&source).unwrap_or_else(|error| panic!("{error}")).remove(0)
}

pub fn create_stream(text: &str) -> (CreateStream, SourceText) {
    let parsed = parsed(text);
    let Statement::CreateStream(create) = parsed.statement else { panic!("not a stream: {text}") };
    (create, parsed.source)
}

pub fn create_view(text: &str) -> (CreateMaterializedView, SourceText) {
    let parsed = parsed(text);
    let Statement::CreateMaterializedView(create) = parsed.statement else { panic!("not a view: {text}") };
    (create, parsed.source)
}

pub fn try_stream(text: &str) -> Result<Arc<Stream>> {
    let (create, source) = create_stream(text);
    Ok(Arc::new(resolve::stream(&create, &source)?))
}

pub fn stream(text: &str) -> Arc<Stream> {
    try_stream(text).unwrap_or_else(|error| panic!("{error}"))
}

pub fn relations(texts: &[&str]) -> Relations {
    let mut relations = Relations::new();
    for text in texts {
        relations.add_stream(stream(text));
    }
    relations
}

pub fn try_view(relations: &Relations, text: &str) -> Result<View> {
    let (create, source) = create_view(text);
    resolve::view(relations, &create, &source)
}

pub fn view(relations: &Relations, text: &str) -> View {
    try_view(relations, text).unwrap_or_else(|error| panic!("{error}"))
}

/// Message, the text that it underlines, and hint of each diagnostic.
pub fn refusals<T>(result: Result<T>) -> Vec<String> {
    let Err(Error::Sql(diagnostics)) = result else {
        return vec![format!("not refused: {:?}", result.err())];
    };
    let shown = diagnostics.0.iter().map(|found| {
        let hint = found.hint.as_ref().map_or_else(String::new, |hint| format!(" ({hint})"));
        format!("{} [{}]{hint}", found.message, found.source.slice(found.span))
    });
    shown.collect()
}

/// One batch of records at consecutive offsets, a second apart from the epoch on.
pub fn chunk(base_offset: i64, records: &[&str]) -> Chunk {
    let mut builder = Builder::new();
    for (number, record) in (0i64..).zip(records) {
        builder.push(None, Some(record.as_bytes()), number * 1000);
    }
    let mut batch = builder.build();
    batch.place(base_offset, 0);
    let next = base_offset + i64::try_from(records.len()).expect("few records");
    Chunk { batches: vec![batch.into_bytes()], range: base_offset..next, next }
}

/// Batches as lines of CSV without a header.
pub fn lines(batches: &[RecordBatch]) -> Vec<String> {
    let mut text = Vec::new();
    for batch in batches {
        crate::render::csv::rows(batch, &mut text).expect("rows can be rendered");
    }
    String::from_utf8(text).expect("UTF-8").lines().map(str::to_owned).collect()
}
