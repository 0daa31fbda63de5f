//! Rows that an operator keeps: as bytes that are equal for equal rows and ordered as asked. As bytes of a checkpoint they
//! are [`saved`]; the encoding here is never stored.

pub mod saved;
pub mod value;

use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray};
use arrow::compute::SortOptions;
use arrow::datatypes::{DataType, SchemaRef};
use arrow::row::{RowConverter, SortField};
use hashbrown::HashMap;

use crate::batch::{Batch, assemble, plain_nulls};
use crate::{Error, Result};

/// A row's columns as bytes.
pub type Row = Arc<[u8]>;

/// Columns of known types as rows and back.
#[derive(Debug)]
pub struct Codec {
    types: Vec<DataType>,
    converter: RowConverter,
}

impl Codec {
    /// Rows compare by their columns, of which the first have `order`; those behind them ascend. A type that can't be
    /// kept is refused.
    pub fn new(types: Vec<DataType>, order: &[SortOptions]) -> Result<Arc<Codec>> {
        if let Some(other) = types.iter().find(|each| !value::is_kept(each)) {
            return Err(Error::not_built(format!("rows with values of type {other} can't be kept in views yet")));
        }
        let converter = RowConverter::new(fields(&types, order))?;
        Ok(Arc::new(Codec { types, converter }))
    }

    pub fn types(&self) -> &[DataType] {
        &self.types
    }

    pub fn encode(&self, columns: &[ArrayRef], rows: usize) -> Result<arrow::row::Rows> {
        Ok(self.converter.convert_columns(&filled(columns, rows))?)
    }

    pub fn decode<'a>(&self, rows: impl Iterator<Item = &'a [u8]>) -> Result<Vec<ArrayRef>> {
        let parser = self.converter.parser();
        let mut columns = plain_nulls(self.converter.convert_rows(rows.map(|row| parser.parse(row)))?);
        columns.truncate(self.types.len());
        Ok(columns)
    }
}

/// Without columns, rows would encode to no rows: they have one that is false.
fn fields(types: &[DataType], order: &[SortOptions]) -> Vec<SortField> {
    let options = order.iter().copied().chain(std::iter::repeat(SortOptions::default()));
    match types {
        [] => vec![SortField::new(DataType::Boolean)],
        types => types.iter().cloned().zip(options).map(|(each, how)| SortField::new_with_options(each, how)).collect(),
    }
}

fn filled(columns: &[ArrayRef], rows: usize) -> Vec<ArrayRef> {
    match columns {
        [] => vec![Arc::new(BooleanArray::from(vec![false; rows]))],
        columns => columns.to_vec(),
    }
}

/// Changes with equal rows added up; what comes to nothing is not there.
pub fn net(schema: &SchemaRef, batches: Vec<Batch>) -> Result<Vec<Batch>> {
    if batches.iter().all(|batch| batch.weights.is_none()) {
        return Ok(batches);
    }
    let types: Vec<DataType> = schema.fields().iter().map(|field| field.data_type().clone()).collect();
    let converter = RowConverter::new(fields(&types, &[]))?;
    let mut encoded = converter.empty_rows(0, 0);
    let mut weights = Vec::new();
    for batch in &batches {
        converter.append(&mut encoded, &filled(batch.rows.columns(), batch.len()))?;
        weights.extend((0..batch.len()).map(|row| batch.weight(row)));
    }
    let rows: Vec<arrow::row::Row<'_>> = encoded.iter().collect();
    let mut sums: HashMap<&[u8], (usize, i64)> = HashMap::new();
    for (at, row) in rows.iter().enumerate() {
        sums.entry(row.as_ref()).or_insert((at, 0)).1 += weights[at];
    }
    let mut left: Vec<(usize, i64)> = sums.into_values().filter(|(_, weight)| *weight != 0).collect();
    left.sort_unstable();
    let mut columns = plain_nulls(converter.convert_rows(left.iter().map(|(at, _)| rows[*at]))?);
    columns.truncate(types.len());
    let rows = assemble(schema, columns, left.len())?;
    let weights: Vec<i64> = left.into_iter().map(|(_, weight)| weight).collect();
    Ok(vec![Batch { weights: Some(weights.into()), ..Batch::insertions(rows) }])
}
