//! Log, views and archives on a disk that fails, tears and forgets: after any crash, every acknowledged row is there
//! once, in the stream, in each view and in the archive.

use std::time::Duration;

use headwater_base::files::simulated::Faults;
use headwater_base::random::Random;

use crate::equals_batch::{Places, Rows, compare, declarations, seeds};
use crate::world::{Life, Result, World, now_us, options};

/// One node's story: lives that end in a crash at some write, and a last one in which everything is looked at.
fn story(seed: u64) -> u64 {
    let mut random = Random::new(seed);
    let world = World::new(seed, &declarations());
    let mut rows = Rows::new(seed ^ 0x5EED);
    let mut acknowledged = Places::new();
    let mut crashes = 0;
    for _ in 0..3 + random.below(4) {
        let crash_at = world.disk.operations() + 1 + random.below(900);
        let error_chance = if random.chance(1, 3) { Some((1, 400)) } else { None };
        let full = random.chance(1, 4).then(|| 1000 + random.below(400_000));
        world.disk.set_faults(Faults { crash_at_operation: Some(crash_at), error_chance, full, ..Faults::default() });
        // Every error ends a life: what is left on the disk decides.
        let _ = live(&world, &mut rows, &mut random, &mut acknowledged);
        world.disk.set_faults(Faults::default());
        if world.disk.is_off() {
            world.disk.restart()
        } else {
            world.disk.crash()
        }
        crashes += 1;
    }
    let mut life = world.open(options(2, 5000), true).unwrap_or_else(|error| panic!("seed {seed}: {error}"));
    life.settle().unwrap_or_else(|error| panic!("seed {seed}: {error}"));
    look(&world, &mut life, &acknowledged, seed);
    crashes
}

fn live(world: &World, rows: &mut Rows, random: &mut Random, acknowledged: &mut Places) -> Result<()> {
    let workers = [1, 2, 5][random.below(3) as usize];
    let mut life = world.open(options(workers, 1 + random.below(8000) as usize), true)?;
    for _ in 0..25 {
        let partition = random.below(3) as u32;
        let (ids, records): (Vec<i64>, Vec<String>) = (0..1 + random.below(20)).map(|_| rows.next()).unzip();
        let first = life.append(partition, &records, now_us(world))?;
        acknowledged.extend(ids.iter().enumerate().map(|(index, id)| ((partition, first + index as i64), *id)));
        for _ in 0..random.below(4) {
            life.engine.step()?;
        }
        world.clock.advance(Duration::from_millis(random.below(40)));
        if random.chance(1, 10) {
            life.engine.settle()?;
            life.engine.flush_archives()?;
        }
    }
    Ok(())
}

fn look(world: &World, life: &mut Life, acknowledged: &Places, seed: u64) {
    // A row that was written and not acknowledged may be there too; what the log says is where it is.
    let mut places = acknowledged.clone();
    let mut in_log = 0;
    for partition in 0..3 {
        let mut from = 0;
        loop {
            let chunk = life.log.read("events", partition, from, &Default::default()).expect("readable");
            if chunk.next <= from {
                break;
            }
            from = chunk.next;
            for record in chunk.records() {
                let record = record.expect("whole");
                let value: serde_json::Value =
                    serde_json::from_slice(record.value.expect("a value")).unwrap_or_default();
                if let Some(id) = value["id"].as_i64() {
                    let before = places.insert((partition, record.offset), id);
                    assert!(before.is_none_or(|before| before == id), "seed {seed}: a row at another's place");
                }
                in_log += 1;
            }
        }
    }
    assert!(in_log >= acknowledged.len(), "seed {seed}: {in_log} rows of {} acknowledged", acknowledged.len());
    compare(world, life, &places, &format!("seed {seed}"));

    let before = world.query(life, "SELECT * FROM events");
    life.engine.flush_archives().unwrap_or_else(|error| panic!("seed {seed}: {error}"));
    assert_eq!(world.query(life, "SELECT * FROM events"), before, "seed {seed}: the archive changed the stream");
    for stream in ["events", "kept"] {
        let rows = world.query(life, &format!("SELECT count(*) FROM {stream}"));
        let archived = world.query(life, &format!("SELECT count(*) FROM archive.{stream}"));
        assert_eq!(archived, rows, "seed {seed}: rows in the archive of {stream}");
        let twice = format!(
            "SELECT _partition, _offset, count(*) FROM archive.{stream} GROUP BY _partition, _offset HAVING count(*) > 1"
        );
        assert_eq!(world.query(life, &twice), Vec::<String>::new(), "seed {seed}: rows twice in {stream}");
    }
    let letters = world.letters(life.log.as_ref());
    let mut keys: Vec<String> = letters
        .iter()
        .map(|letter| {
            format!(
                "{} {} {} {}",
                letter["relation"], letter["reason"], letter["partition_id"], letter["record_offset"]
            )
        })
        .collect();
    let all = keys.len();
    keys.sort();
    keys.dedup();
    assert_eq!(keys.len(), all, "seed {seed}: a dead letter was written twice");
}

#[test]
fn crashes_change_nothing() {
    let (mut stories, mut crashes) = (0, 0);
    for seed in seeds(50) {
        crashes += story(seed);
        stories += 1;
    }
    println!("{stories} seeds, {crashes} crashes");
}
