//! An archiver whose store fails and comes back: no row is passed over, none is there twice.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use headwater_base::clock::Clock;
use headwater_base::files::simulated::Faults;
use headwater_base::objects::Objects;
use headwater_base::random::Random;
use headwater_lake::Lake;
use headwater_log::{Builder, Log, ReadOptions, TopicConfig};
use headwater_query::decode::StreamReader;
use headwater_stream::sink::archive::{Archiver, Board, Policy, Rows};

use crate::equals_batch::seeds;
use crate::world::World;

/// Appends some rows to a partition and gives them as the dataflow would hand them over.
fn append(log: &dyn Log, reader: &mut StreamReader, partition: u32, count: u64, id: &mut u64) -> Rows {
    let mut builder = Builder::new();
    for _ in 0..count {
        *id += 1;
        let record = format!(r#"{{"id":{id},"at":"2020-09-01 00:00:00"}}"#);
        builder.push(None, Some(record.as_bytes()), 1_600_000_000_000);
    }
    let written = log.append("events", partition, builder.build()).expect("appended").wait().expect("synced");
    let chunk = log.read("events", partition, written.start, &ReadOptions::default()).expect("readable");
    let decoded = reader.decode(&chunk).expect("rows");
    assert_eq!(decoded.rows.num_rows() as u64, count);
    Rows {
        partition,
        from: written.start,
        next: chunk.next,
        rows: decoded.rows,
        offsets: decoded.offsets.into(),
        timestamps_us: decoded.timestamps_us.into(),
    }
}

#[test]
fn a_store_that_fails_and_comes_back_loses_nothing() {
    for seed in seeds(60) {
        let mut random = Random::new(seed);
        let world = World::new(seed, "");
        world.disk.shared().create_folders(Path::new("/data")).expect("a folder");
        let log = world.open_log().expect("a log");
        log.create_topic("events", &TopicConfig { partitions: 3, retention: None, archived: true }).expect("a topic");
        let stream = Arc::clone(world.relations.stream("events").expect("the stream"));
        let objects = Objects::open(world.disk.shared(), Path::new("/data")).expect("a store");
        let lake = Lake::new(Arc::new(objects), object_store::path::Path::from("lake"));
        let policy = Policy { interval: Duration::from_millis(20), bytes_max: 1 << 20, ..Policy::default() };
        let opened = Archiver::open(
            Arc::clone(&stream),
            &lake,
            Arc::clone(&log),
            Arc::clone(&world.clock) as Arc<dyn Clock>,
            policy,
            Board::default(),
        );
        let mut archiver = world.runtime.block_on(opened).expect("an archive");
        let mut reader = StreamReader::new(stream, None).expect("a reader");
        let mut id = 0;
        for _ in 0..40 {
            world.disk.set_faults(Faults::default());
            let rows = append(log.as_ref(), &mut reader, random.below(3) as u32, 1 + random.below(5), &mut id);
            let some = |random: &mut Random| random.chance(1, 3).then_some((1, 1 + random.below(6)));
            let (error_chance, read_error_chance) = (some(&mut random), some(&mut random));
            world.disk.set_faults(Faults { error_chance, read_error_chance, ..Faults::default() });
            // Rows may also be let go on their way: they are in the log.
            if random.chance(3, 4) {
                let _ = world.runtime.block_on(archiver.take(rows));
            }
            world.clock.advance(Duration::from_millis(random.below(30)));
            let _ = world.runtime.block_on(archiver.commit_if_due());
        }
        world.disk.set_faults(Faults::default());
        let ends: Vec<i64> =
            (0..3).map(|partition| log.offsets("events", partition).expect("offsets").stable).collect();
        let done = world.runtime.block_on(async {
            archiver.catch_up(&ends).await?;
            archiver.commit().await
        });
        done.unwrap_or_else(|error| panic!("seed {seed}: {error}"));
        let archive = world.runtime.block_on(lake.find_archive("events")).expect("readable").expect("an archive");
        let context = datafusion::prelude::SessionContext::new();
        context.register_table("archived", archive.snapshot().table_provider()).expect("registered");
        let counted = world.runtime.block_on(async {
            let query = "SELECT count(*), count(DISTINCT id), coalesce(max(id), 0) FROM archived";
            context.sql(query).await.expect("planned").collect().await.expect("read")
        });
        let shown = format!("{:?}", counted[0].columns().iter().map(|each| each.slice(0, 1)).collect::<Vec<_>>());
        let wanted = format!("\n  {id},\n]");
        assert_eq!(shown.matches(&wanted).count(), 3, "seed {seed}: {shown} instead of {id}");
    }
}
