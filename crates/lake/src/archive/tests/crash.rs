//! Seeded lives of an archiver that ends at random operations: nothing lost, nothing twice.

use std::collections::BTreeMap;
use std::time::Duration;

use headwater_base::files::simulated::{Faults, Simulated};
use headwater_base::random::Random;

use super::{Archive, all, columns, expected, file, lake, try_lake};
use crate::{Compaction, Error};

const PARTITIONS: u32 = 3;

/// Offsets whose rows a stream's rules reject.
fn is_rejected(partition: u32, offset: i64) -> bool {
    (offset + i64::from(partition)) % 7 == 0
}

fn kept(partition: u32, offsets: std::ops::Range<i64>) -> Vec<i64> {
    offsets.filter(|offset| !is_rejected(partition, *offset)).collect()
}

/// Appends until something fails. Returns what was acknowledged.
async fn live(sim: &Simulated, random: &mut Random, acknowledged: &mut BTreeMap<u32, i64>) -> Result<(), Error> {
    let Ok(lake) = try_lake(sim) else { return Ok(()) };
    let lake = lake.with_checkpoint_interval(5);
    let mut archive = lake.open_archive("bids", &columns()).await?;
    for _ in 0..12 {
        let mut files = Vec::new();
        for partition in (0..PARTITIONS).filter(|_| random.chance(2, 3)).collect::<Vec<_>>() {
            let mut from = archive.next_offset(partition);
            for _ in 0..=random.below(2) {
                let next = from + random.below(60) as i64 + 1;
                files.push(file(&archive, partition, &kept(partition, from..next), next).await?);
                from = next;
            }
        }
        let result = archive.commit(files.clone()).await;
        if result.is_err() && !sim.is_off() {
            archive.commit(files.clone()).await?;
        } else {
            result?;
        }
        acknowledged.extend(files.iter().map(|file| (file.partition(), file.next_offset())));
        if random.chance(1, 3) {
            // Beside the archiver, which meets these commits at its next one.
            let mut keeper = lake.open_archive("bids", &columns()).await?;
            let compaction = Compaction { file_bytes_max: 12_000, files_min: 3 };
            keeper.compact(&compaction).await?;
            keeper.vacuum(Duration::from_secs(random.below(2))).await?;
        }
    }
    Ok(())
}

async fn check(archive: &Archive, acknowledged: &BTreeMap<u32, i64>, context: &str) {
    let mut wanted = Vec::new();
    for partition in 0..PARTITIONS {
        let next = archive.next_offset(partition);
        assert!(next >= acknowledged.get(&partition).copied().unwrap_or(0), "{context}: acknowledged is there");
        wanted.push(expected(archive, partition, &kept(partition, 0..next)));
    }
    let wanted = arrow::compute::concat_batches(&archive.schema(), &wanted).unwrap();
    assert_eq!(all(&archive.snapshot()).await, wanted, "{context}: exactly the rows below the next offsets");
}

async fn run(seed: u64, faults: impl Fn(&mut Random, u64) -> Faults) -> bool {
    let sim = Simulated::new(seed);
    let mut random = Random::new(seed);
    let mut acknowledged = BTreeMap::new();
    let mut failed = false;
    for turn in 0..4 {
        sim.set_faults(faults(&mut random, sim.operations()));
        let result = live(&sim, &mut random, &mut acknowledged).await;
        failed |= result.is_err();
        if let Err(error) = &result {
            assert_ne!(error.kind(), headwater_base::ErrorKind::Corrupt, "seed {seed}, life {turn}: {error}");
        }
        sim.set_faults(Faults::default());
        sim.crash();
        let archive = lake(&sim).open_archive("bids", &columns()).await.unwrap();
        check(&archive, &acknowledged, &format!("seed {seed}, life {turn}")).await;
    }
    failed
}

#[tokio::test]
async fn survives_crashes_at_any_operation() {
    let mut failed = 0;
    for seed in 0..12 {
        let at = |random: &mut Random, now: u64| Faults {
            crash_at_operation: Some(now + 1 + random.below(250)),
            ..Faults::default()
        };
        failed += u32::from(run(seed, at).await);
    }
    assert!(failed > 6, "crashes happen: {failed}");
}

#[tokio::test]
async fn survives_a_failing_disk() {
    for seed in 100..106 {
        let errors = |_: &mut Random, _: u64| Faults { error_chance: Some((1, 60)), ..Faults::default() };
        run(seed, errors).await;
    }
}
