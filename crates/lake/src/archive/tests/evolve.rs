//! Columns that come, go and widen: rows stay, and every reader sees the columns of now.

use std::sync::Arc;

use arrow::array::{Array, AsArray, RecordBatch, new_null_array};
use arrow::datatypes::{DataType, Decimal128Type, Field, Float64Type, Schema, SchemaRef};
use headwater_base::files::simulated::Simulated;

use super::{columns, file, lake};
use crate::{Archive, Error};

/// `price` widened, `flag` gone, `note` new.
fn changed() -> SchemaRef {
    let mut fields: Vec<Field> = columns().fields().iter().map(|field| field.as_ref().clone()).collect();
    fields.retain(|field| field.name() != "flag");
    fields[2] = Field::new("price", DataType::Decimal128(20, 3), true);
    fields.insert(3, Field::new("note", DataType::Utf8View, true));
    Arc::new(Schema::new(fields))
}

async fn queried(archive: &Archive) -> RecordBatch {
    let session = datafusion::prelude::SessionContext::new();
    let table = session.read_table(archive.snapshot().table_provider()).unwrap();
    let rows = table.collect().await.unwrap();
    arrow::compute::concat_batches(&rows[0].schema(), &rows).unwrap()
}

fn check(rows: &RecordBatch, len: usize, new: usize) {
    assert_eq!(rows.num_rows(), len);
    let named = |name: &str| rows.column_by_name(name).unwrap_or_else(|| panic!("no column {name}"));
    assert!(rows.column_by_name("flag").is_none());
    assert_eq!(named("note").null_count(), len - new);
    let prices = named("price").as_primitive::<Decimal128Type>();
    assert_eq!(prices.data_type(), &DataType::Decimal128(20, 3));
    let (offsets, scores) = (named("_offset"), named("score").as_primitive::<Float64Type>());
    let offsets = offsets.as_primitive::<arrow::datatypes::Int64Type>();
    for row in 0..len {
        assert_eq!(prices.value(row), i128::from(offsets.value(row)) * 1010, "row {row}");
        assert_eq!(scores.value(row), offsets.value(row) as f64 / 3.0, "row {row}");
    }
}

#[tokio::test]
async fn columns_come_go_and_widen() {
    let sim = Simulated::new(1);
    let lake = lake(&sim);
    let mut archive = lake.open_archive("orders", &columns()).await.unwrap();
    let offsets: Vec<i64> = (0..300).collect();
    let first = file(&archive, 0, &offsets, 310).await.unwrap();
    archive.commit(vec![first]).await.unwrap();
    let before = archive.snapshot();

    let mut archive = lake.open_archive("orders", &changed()).await.unwrap();
    assert_eq!(archive.next_offset(0), 310);
    check(&queried(&archive).await, 300, 0);
    // Whoever had the older version reads on.
    let session = datafusion::prelude::SessionContext::new();
    let old = session.read_table(before.table_provider()).unwrap().collect().await.unwrap();
    assert_eq!(old.iter().map(RecordBatch::num_rows).sum::<usize>(), 300);
    let mut replay = archive.snapshot().replay(0, 0);
    let mut replayed = Vec::new();
    while let Some(rows) = replay.next().await.unwrap() {
        replayed.push(rows);
    }
    check(&arrow::compute::concat_batches(&archive.schema(), &replayed).unwrap(), 300, 0);

    // New rows stand beside the old ones, also after a merge.
    let mut writer = archive.writer(0);
    let fields = changed();
    let of_old = super::rows(0, &[310]);
    let values = fields.fields().iter().map(|field| match of_old.column_by_name(field.name()) {
        Some(column) => arrow::compute::cast(column, field.data_type()).unwrap(),
        None => {
            let empty = new_null_array(&DataType::Utf8View, 0);
            drop(empty);
            Arc::new(arrow::array::StringViewArray::from(vec!["new"])) as _
        }
    });
    let row = RecordBatch::try_new(Arc::clone(&fields), values.collect()).unwrap();
    writer.write(&row, &[310], &[super::NOW_US]).unwrap();
    let second = writer.finish().await.unwrap().unwrap();
    archive.commit(vec![second]).await.unwrap();
    check(&queried(&archive).await, 301, 1);
    let merged = archive.compact(&crate::Compaction { files_min: 2, ..crate::Compaction::default() }).await.unwrap();
    assert_eq!(merged.map(|merged| merged.files), Some(2));
    check(&queried(&archive).await, 301, 1);

    // Opened once more, nothing happens.
    let version = archive.version();
    assert_eq!(lake.open_archive("orders", &changed()).await.unwrap().version(), version);
}

#[tokio::test]
async fn what_rows_can_not_have_is_refused() {
    let sim = Simulated::new(2);
    let lake = lake(&sim);
    let mut archive = lake.open_archive("orders", &columns()).await.unwrap();
    let first = file(&archive, 0, &[0, 1, 2], 3).await.unwrap();
    archive.commit(vec![first]).await.unwrap();
    let with = |change: &dyn Fn(&mut Vec<Field>)| {
        let mut fields: Vec<Field> = columns().fields().iter().map(|field| field.as_ref().clone()).collect();
        change(&mut fields);
        Arc::new(Schema::new(fields))
    };
    let required = with(&|fields| fields.push(Field::new("must", DataType::Int32, false)));
    let error = lake.open_archive("orders", &required).await.unwrap_err();
    assert!(matches!(&error, Error::Schema { detail, .. } if detail.contains("NOT NULL")), "{error}");
    // A name that is gone does not come back with the old values under it.
    let without = with(&|fields| fields.retain(|field| field.name() != "name"));
    lake.open_archive("orders", &without).await.unwrap();
    let error = lake.open_archive("orders", &columns()).await.unwrap_err();
    assert!(matches!(&error, Error::Schema { detail, .. } if detail.contains("dropped before")), "{error}");
}
