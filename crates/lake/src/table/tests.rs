//! Tables: each change whole or not at all, keys once, and crashes at any operation.

use std::collections::BTreeMap;
use std::path::Path as FilePath;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Date32Array, Decimal128Array, Int32Array, Int64Array, RecordBatch,
    StringViewArray, TimestampMicrosecondArray,
};
use arrow::compute::{cast, concat_batches};
use arrow::datatypes::{DataType, Field, Int64Type, Schema, SchemaRef, TimeUnit};
use datafusion::prelude::{SessionContext, col};
use headwater_base::files::simulated::{Faults, Simulated};
use headwater_base::objects::Objects;
use headwater_base::random::Random;
use object_store::path::Path;

use super::Table;
use crate::{Error, Lake};

fn columns() -> SchemaRef {
    Arc::new(Schema::new(vec![Field::new("id", DataType::Int64, false), Field::new("name", DataType::Utf8View, true)]))
}

fn rows(of: &[(i64, &str)]) -> RecordBatch {
    let columns_of: Vec<ArrayRef> = vec![
        Arc::new(of.iter().map(|(id, _)| *id).collect::<Int64Array>()),
        Arc::new(of.iter().map(|(_, name)| Some(*name)).collect::<StringViewArray>()),
    ];
    RecordBatch::try_new(columns(), columns_of).unwrap()
}

fn lake(sim: &Simulated) -> Lake {
    Lake::new(Arc::new(Objects::open(sim.shared(), FilePath::new("/data")).unwrap()), Path::from("lake"))
}

async fn all(table: &Table) -> BTreeMap<i64, String> {
    let session = SessionContext::new();
    let read = session.read_table(table.snapshot().table_provider()).unwrap().collect().await.unwrap();
    let mut found = BTreeMap::new();
    for batch in read {
        let (ids, names) = (batch.column(0).as_primitive::<Int64Type>(), batch.column(1).as_string_view());
        for row in 0..batch.num_rows() {
            let twice = found.insert(ids.value(row), names.value(row).to_owned());
            assert!(twice.is_none(), "{} is there twice", ids.value(row));
        }
    }
    found
}

fn map(of: &[(i64, &str)]) -> BTreeMap<i64, String> {
    of.iter().map(|(id, name)| (*id, (*name).to_owned())).collect()
}

#[tokio::test]
async fn rows_are_inserted_replaced_and_removed() {
    let lake = lake(&Simulated::new(1));
    assert!(lake.find_table("products").await.unwrap().is_none());
    let mut table = lake.create_table("products", &columns(), &[]).await.unwrap();
    assert!(matches!(lake.create_table("products", &columns(), &[]).await, Err(Error::Exists { .. })));
    assert!(lake.find_archive("products").await.unwrap().is_none(), "an archive of that name is another thing");
    assert_eq!(table.append(&[]).await.unwrap(), 0);
    table.append(&[rows(&[(1, "a"), (2, "b")])]).await.unwrap();
    let before = table.snapshot();
    let error = table.insert(&[rows(&[(3, "c"), (2, "again")])], &[0]).await.unwrap_err();
    assert_eq!(error.to_string(), "table products has a row with the key (2) already");
    assert!(matches!(table.insert(&[rows(&[(4, "x"), (4, "y")])], &[0]).await, Err(Error::KeyExists { .. })));
    assert_eq!(all(&table).await, map(&[(1, "a"), (2, "b")]), "nothing of them was added");
    table.insert(&[rows(&[(3, "c")])], &[0]).await.unwrap();
    let mut other = lake.find_table("products").await.unwrap().unwrap();
    table.upsert(&[rows(&[(2, "B"), (5, "e")]), rows(&[(5, "E"), (6, "f")])], &[0]).await.unwrap();
    assert_eq!(all(&table).await, map(&[(1, "a"), (2, "B"), (3, "c"), (5, "E"), (6, "f")]));
    assert!(matches!(other.insert(&[rows(&[(6, "F")])], &[0]).await, Err(Error::KeyExists { .. })), "it looks again");
    let mut odd = |batch: &RecordBatch| {
        Ok(batch.column(0).as_primitive::<Int64Type>().values().iter().map(|id| Some(id % 2 != 0)).collect())
    };
    other.rewrite("DELETE", &mut odd, &[]).await.unwrap();
    table.refresh().await.unwrap();
    let left = map(&[(1, "a"), (3, "c"), (5, "E")]);
    assert_eq!((all(&table).await, all(&other).await), (left.clone(), left));
    assert_eq!(before.version(), 1);
    let reopened = lake.find_table("products").await.unwrap().unwrap();
    assert_eq!((reopened.schema(), reopened.version()), (columns(), table.version()));
    lake.remove_table("products").await.unwrap();
    assert!(lake.find_table("products").await.unwrap().is_none());
}

fn laid_out() -> SchemaRef {
    let instant = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
    Arc::new(Schema::new(vec![
        Field::new("id", DataType::Int64, false),
        Field::new("day", DataType::Date32, true),
        Field::new("at", instant, true),
        Field::new("exact", DataType::Decimal128(9, 2), true),
        Field::new("is", DataType::Boolean, true),
        Field::new("Shop name", DataType::Utf8View, true),
    ]))
}

/// Rows whose values in all columns but the first follow from the id; every seventh has none.
fn rows_of_many(ids: std::ops::Range<i64>) -> RecordBatch {
    let shops = ["Oslo", "a=b%20/c", "Köln \"x\"", "__HIVE_DEFAULT_PARTITION__", "null", "."];
    let some = |id: i64| (id % 7 != 0).then_some(id);
    let columns: Vec<ArrayRef> = vec![
        Arc::new(ids.clone().collect::<Int64Array>()),
        Arc::new(ids.clone().map(|id| some(id).map(|id| id as i32 % 3 - 800_000)).collect::<Date32Array>()),
        Arc::new(
            ids.clone()
                .map(|id| some(id).map(|id| id % 2 * 1_700_000_000_123_456 - 1))
                .collect::<TimestampMicrosecondArray>()
                .with_timezone("UTC"),
        ),
        Arc::new(
            ids.clone()
                .map(|id| some(id).map(|id| i128::from(id % 3) * 125 - 100))
                .collect::<Decimal128Array>()
                .with_precision_and_scale(9, 2)
                .unwrap(),
        ),
        Arc::new(ids.clone().map(|id| some(id).map(|id| id % 2 == 0)).collect::<BooleanArray>()),
        Arc::new(ids.map(|id| some(id).map(|id| shops[id as usize % shops.len()])).collect::<StringViewArray>()),
    ];
    RecordBatch::try_new(laid_out(), columns).unwrap()
}

#[tokio::test]
async fn files_are_laid_out_by_columns() {
    let lake = lake(&Simulated::new(1));
    let by = ["day", "at", "exact", "is", "Shop name"].map(str::to_owned);
    for number in 1..=by.len() {
        let name = format!("t{number}");
        let mut table = lake.create_table(&name, &laid_out(), &by[..number]).await.unwrap();
        table.append(&[rows_of_many(0..100), rows_of_many(100..150)]).await.unwrap();
        assert!(table.files().len() > 1, "{number}");
        assert!(table.files().iter().all(|file| file.partition_values.len() == number && file.path.contains('=')));
        let mut even = |batch: &RecordBatch| {
            Ok(batch.column(0).as_primitive::<Int64Type>().values().iter().map(|id| Some(id % 2 != 0)).collect())
        };
        table.rewrite("DELETE", &mut even, &[rows_of_many(200..210)]).await.unwrap();
        assert!(matches!(table.insert(&[rows_of_many(101..102)], &[0]).await, Err(Error::KeyExists { .. })));
        table.upsert(&[rows_of_many(101..102), rows_of_many(0..1)], &[0]).await.unwrap();
        let table = lake.find_table(&name).await.unwrap().unwrap();
        assert_eq!(table.partitioned_by(), &by[..number]);
        let wanted: Vec<RecordBatch> =
            (0..150).filter(|id| id % 2 != 0 || *id == 0).chain(200..210).map(|id| rows_of_many(id..id + 1)).collect();
        let wanted = concat_batches(&laid_out(), &wanted).unwrap();
        let read = SessionContext::new().read_table(table.snapshot().table_provider()).unwrap();
        let read = read.sort_by(vec![col("id")]).unwrap().collect().await.unwrap();
        assert_eq!(concat_batches(&laid_out(), &read).unwrap(), wanted, "by {number} columns");
    }
}

#[tokio::test]
async fn layouts_that_cannot_be() {
    let lake = lake(&Simulated::new(1));
    let real =
        Arc::new(Schema::new(vec![Field::new("x", DataType::Float64, true), Field::new("y", DataType::Int64, true)]));
    for by in [vec!["x"], vec!["z"], vec!["y", "x"]] {
        let by: Vec<String> = by.into_iter().map(str::to_owned).collect();
        assert!(matches!(lake.create_table("t", &real, &by).await, Err(Error::Layout { .. })));
    }
    let mut table = lake.create_table("t", &columns(), &["name".to_owned()]).await.unwrap();
    let error = table.append(&[rows(&[(1, "")])]).await.unwrap_err();
    assert!(error.to_string().contains("an empty text would be read as NULL"), "{error}");
}

#[tokio::test]
async fn what_does_not_fit_is_refused() {
    let lake = lake(&Simulated::new(1));
    let wrong = Arc::new(Schema::new(vec![Field::new("x", DataType::UInt64, true)]));
    assert!(matches!(lake.create_table("t", &wrong, &[]).await, Err(Error::ColumnType { .. })));
    let twice =
        Arc::new(Schema::new(vec![Field::new("x", DataType::Int64, true), Field::new("X", DataType::Int64, true)]));
    assert!(matches!(lake.create_table("t", &twice, &[]).await, Err(Error::ColumnName { .. })));
    let mut table = lake.create_table("t", &columns(), &[]).await.unwrap();
    let nullable = Arc::new(Schema::new(vec![
        Field::new("id", DataType::Int64, true),
        Field::new("name", DataType::Utf8View, true),
    ]));
    let nulls: Vec<ArrayRef> = vec![Arc::new(Int64Array::from(vec![None])), Arc::new(StringViewArray::from(vec!["x"]))];
    let nulls = RecordBatch::try_new(nullable, nulls).unwrap();
    assert!(nulls.column(0).is_null(0));
    assert!(matches!(table.append(&[nulls]).await, Err(Error::Rows { .. })));
    assert_eq!(table.version(), 0);
}

/// Changes until something fails; what was acknowledged goes into `known`, what may have happened is returned.
async fn live(sim: &Simulated, random: &mut Random, known: &mut BTreeMap<i64, String>) -> BTreeMap<i64, String> {
    let Ok(objects) = Objects::open(sim.shared(), FilePath::new("/data")) else { return known.clone() };
    let lake = Lake::new(Arc::new(objects), Path::from("lake")).with_checkpoint_interval(4);
    let Ok(found) = lake.find_table("t").await else { return known.clone() };
    let mut table = match found {
        Some(table) => table,
        None => match lake.create_table("t", &columns(), &[]).await {
            Ok(table) => table,
            Err(_) => return known.clone(),
        },
    };
    for _ in 0..20 {
        let names: Vec<(i64, String)> =
            (0..1 + random.below(5)).map(|_| (random.below(30) as i64, format!("n{}", random.below(1000)))).collect();
        let batch = rows(&names.iter().map(|(id, name)| (*id, name.as_str())).collect::<Vec<_>>());
        let mut next = known.clone();
        let done = if random.chance(1, 4) {
            let gone = random.below(30) as i64;
            next.retain(|id, _| *id > gone);
            let mut stays = |batch: &RecordBatch| {
                Ok(batch.column(0).as_primitive::<Int64Type>().values().iter().map(|id| Some(*id > gone)).collect())
            };
            table.rewrite("DELETE", &mut stays, &[]).await
        } else {
            next.extend(names);
            table.upsert(&[batch], &[0]).await
        };
        if done.is_err() {
            return next;
        }
        *known = next;
    }
    known.clone()
}

#[tokio::test]
async fn survives_crashes_at_any_operation() {
    let mut crashes = 0;
    for seed in 0..15 {
        let sim = Simulated::new(seed);
        let mut random = Random::new(seed);
        let mut known = BTreeMap::new();
        for life in 0..5 {
            let crash_at = sim.operations() + 1 + random.below(300);
            sim.set_faults(Faults { crash_at_operation: Some(crash_at), ..Faults::default() });
            let perhaps = live(&sim, &mut random, &mut known).await;
            crashes += u32::from(sim.is_off());
            sim.set_faults(Faults::default());
            sim.crash();
            let found = match lake(&sim).find_table("t").await.unwrap() {
                Some(table) => all(&table).await,
                None => BTreeMap::new(),
            };
            assert!(found == known || found == perhaps, "seed {seed}, life {life}: {found:?}\n{known:?}\n{perhaps:?}");
            known = found;
        }
    }
    assert!(crashes > 10, "{crashes}");
}

/// `id BIGINT NOT NULL, note VARCHAR` for `id INT NOT NULL, name VARCHAR`.
fn widened() -> SchemaRef {
    Arc::new(Schema::new(vec![Field::new("id", DataType::Int64, false), Field::new("note", DataType::Utf8View, true)]))
}

fn narrow() -> SchemaRef {
    Arc::new(Schema::new(vec![Field::new("id", DataType::Int32, false), Field::new("name", DataType::Utf8View, true)]))
}

async fn narrow_table(lake: &Lake) -> crate::Result<Table> {
    let mut table = lake.create_table("t", &narrow(), &[]).await?;
    for id in 0..3 {
        let columns: Vec<ArrayRef> =
            vec![Arc::new(Int32Array::from(vec![id])), Arc::new(StringViewArray::from(vec!["n"]))];
        table.append(&[RecordBatch::try_new(narrow(), columns).unwrap()]).await?;
    }
    Ok(table)
}

/// The ids, whatever their type, and the other column's values.
async fn read(snapshot: crate::Snapshot) -> (Vec<i64>, Vec<Option<String>>) {
    let session = SessionContext::new();
    let rows = session.read_table(snapshot.table_provider()).unwrap().collect().await.unwrap();
    let (mut ids, mut others) = (Vec::new(), Vec::new());
    for batch in rows {
        let id = cast(batch.column(0), &DataType::Int64).unwrap();
        ids.extend(id.as_primitive::<Int64Type>().values());
        others.extend(batch.column(1).as_string_view().iter().map(|text| text.map(str::to_owned)));
    }
    ids.sort_unstable();
    (ids, others)
}

#[tokio::test]
async fn columns_change_and_rows_stay() {
    let lake = lake(&Simulated::new(1));
    let mut table = narrow_table(&lake).await.unwrap();
    let before = table.snapshot();
    let required = Schema::new(vec![Field::new("id", DataType::Int32, false), Field::new("x", DataType::Int32, false)]);
    let refused = table.evolve(&Arc::new(required)).await.unwrap_err();
    assert!(refused.to_string().contains("have no value for \"x\", which is NOT NULL"), "{refused}");
    table.evolve(&widened()).await.unwrap();
    let version = table.version();
    table.evolve(&widened()).await.unwrap();
    assert_eq!(table.version(), version, "nothing is left to do");
    table
        .append(&[RecordBatch::try_new(widened(), rows(&[(1 << 40, "far")]).columns().to_vec()).unwrap()])
        .await
        .unwrap();
    let far = vec![None, None, None, Some("far".to_owned())];
    for table in [&table, &lake.find_table("t").await.unwrap().unwrap()] {
        let (ids, mut notes) = read(table.snapshot()).await;
        notes.sort();
        assert_eq!((ids, notes, table.schema()), (vec![0, 1, 2, 1 << 40], far.clone(), widened()));
    }
    assert_eq!(read(before).await, (vec![0, 1, 2], vec![Some("n".to_owned()); 3]), "who reads, reads on");
    let refused = table.evolve(&columns()).await.unwrap_err();
    assert!(refused.to_string().contains("\"name\" was dropped before"), "{refused}");
}

#[tokio::test]
async fn a_crash_leaves_the_old_columns_or_the_new() {
    let mut seen = [0; 2];
    for operation in 1..200 {
        let sim = Simulated::new(operation);
        narrow_table(&lake(&sim)).await.unwrap();
        let at = sim.operations() + operation;
        sim.set_faults(Faults { crash_at_operation: Some(at), ..Faults::default() });
        let done = match Objects::open(sim.shared(), FilePath::new("/data")) {
            Ok(objects) => match Lake::new(Arc::new(objects), Path::from("lake")).find_table("t").await {
                Ok(Some(mut table)) => table.evolve(&widened()).await.is_ok(),
                _ => false,
            },
            Err(_) => false,
        };
        if done && !sim.is_off() {
            assert!(seen.iter().all(|times| *times > 0), "{seen:?}");
            return;
        }
        sim.crash();
        sim.set_faults(Faults::default());
        let mut table = lake(&sim).find_table("t").await.unwrap().unwrap();
        let is_new = table.schema() == widened();
        assert!(is_new || table.schema() == narrow() && !done);
        seen[usize::from(is_new)] += 1;
        table.evolve(&widened()).await.unwrap();
        assert_eq!(read(table.snapshot()).await.0, [0, 1, 2]);
    }
    panic!("a change of columns never came to its end");
}
