//! When a row was known: the greatest event time that its partition had come to with it.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, TimestampMicrosecondArray};
use arrow::datatypes::{SchemaRef, TimestampMicrosecondType};
use headwater_query::relation::UTC;

use super::{Operator, Output};
use crate::batch::{Batch, assemble};
use crate::{Error, Result};

#[derive(Debug, Clone)]
pub struct Plan {
    /// The column with the event time, by which the watermark goes, so far behind.
    pub time: usize,
    pub delay_us: i64,
    /// The columns of the input, and the time behind them.
    pub schema: SchemaRef,
}

/// Adds the time as a column. It keeps nothing.
pub struct Known {
    plan: Plan,
}

impl Known {
    pub fn new(plan: Plan) -> Known {
        Known { plan }
    }
}

impl Operator for Known {
    fn push(&mut self, _port: usize, batch: Batch, out: &mut Output) -> Result<()> {
        let Some(origin) = &batch.origin else {
            return Err(Error::internal("rows without a place in the log were to tell when they were known"));
        };
        let times = batch.rows.column(self.plan.time).as_primitive::<TimestampMicrosecondType>().values();
        // Before a partition's first row there is no watermark.
        let reached = |before_us: i64| if before_us == i64::MIN { i64::MIN } else { before_us + self.plan.delay_us };
        let known =
            times.iter().zip(&origin.watermarks).map(|(time_us, before_us)| (*time_us).max(reached(*before_us)));
        let known: ArrayRef = Arc::new(TimestampMicrosecondArray::from_iter_values(known).with_timezone(UTC));
        let columns = batch.rows.columns().iter().cloned().chain([known]).collect();
        out.emit(batch.with_rows(assemble(&self.plan.schema, columns, batch.len())?));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::RecordBatch;
    use arrow::datatypes::{Field, Schema};
    use headwater_query::relation::timestamp_type;

    use super::*;
    use crate::batch::Origin;

    #[test]
    fn a_row_is_known_when_its_partition_has_come_to_its_time_or_further() {
        let field = |name: &str| Field::new(name, timestamp_type(), false);
        let schema = Arc::new(Schema::new(vec![field("at"), field("_known_at")]));
        let times: ArrayRef = Arc::new(TimestampMicrosecondArray::from(vec![10, 30, 20]).with_timezone(UTC));
        let rows = RecordBatch::try_new(Arc::new(schema.project(&[0]).unwrap()), vec![times]).unwrap();
        let origin =
            Origin { input: 0, partition: 0, offsets: vec![0, 1, 2].into(), watermarks: vec![i64::MIN, 5, 25].into() };
        let mut known = Known::new(Plan { time: 0, delay_us: 5, schema });
        let mut out = Output::default();
        known.push(0, Batch { origin: Some(origin), ..Batch::insertions(rows) }, &mut out).unwrap();
        let values = out.batches[0].rows.column(1).as_primitive::<TimestampMicrosecondType>().values().to_vec();
        assert_eq!(values, [10, 30, 30]);
    }
}
