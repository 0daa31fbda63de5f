//! Keys over restarts, clashes and expiry, on a log of files.

use std::path::Path;

use headwater_base::clock::ManualClock;
use headwater_base::files::disk::Disk;
use headwater_log::{Builder, EmbeddedLog, embedded};
use tokio::sync::Semaphore;

use super::*;

struct World {
    keys: Keys,
    log: Arc<dyn Log>,
    clock: Arc<ManualClock>,
}

async fn open(folder: &Path, clock: &Arc<ManualClock>) -> World {
    let clock = Arc::clone(clock);
    let options = embedded::Options::default();
    let log: Arc<dyn Log> =
        Arc::new(EmbeddedLog::open(Arc::new(Disk), folder, Arc::clone(&clock) as Arc<_>, options).unwrap());
    log.create_topic("rows", &TopicConfig { partitions: 2, retention: None, archived: false }).unwrap();
    let keys = Keys::start(Arc::clone(&log), Arc::clone(&clock) as Arc<_>).unwrap();
    keys.ready().await.unwrap();
    World { keys, log, clock }
}

impl World {
    fn claim(&self, key: &str, body: &str) -> Claimed {
        self.keys.claim("rows", key, &[body.as_bytes()]).unwrap()
    }

    /// Appends a row to each partition of a topic.
    async fn append(&self, claim: Claim, topic: &str) -> Result<String, Problem> {
        let batch = || {
            let mut builder = Builder::new();
            builder.push(None, Some(b"row"), 0);
            builder.build()
        };
        let answer = Box::new(|offsets: &Offsets| format!("{offsets:?}"));
        let held = Arc::new(Semaphore::new(1)).acquire_owned().await.unwrap();
        let (topic, now_ms) = (topic.to_owned(), self.clock.now_us() / 1000);
        self.keys.append(Work { claim, topic, batches: vec![(0, batch()), (1, batch())], now_ms, answer, held }).await
    }

    fn rows(&self) -> Vec<usize> {
        let read = |partition| self.log.read("rows", partition, 0, &ReadOptions::default()).unwrap();
        (0..2).map(|partition| read(partition).records().count()).collect()
    }
}

/// As a claim, or as what it is instead.
fn claimed(claimed: Claimed) -> Result<Claim, String> {
    match claimed {
        Claimed::New(claim) => Ok(claim),
        Claimed::Answered(answer) => Err(answer),
        Claimed::Busy => Err("busy".to_owned()),
        Claimed::Other => Err("other".to_owned()),
    }
}

#[tokio::test]
async fn a_key_is_known_for_a_day_over_restarts() {
    let (folder, clock) = (tempfile::tempdir().unwrap(), ManualClock::at(1_700_000_000_000_000));
    let world = open(folder.path(), &clock).await;
    let answer = world.append(claimed(world.claim("a", "body")).unwrap(), "rows").await.unwrap();
    assert_eq!(answer, "[(0, 0..1), (1, 0..1)]");
    assert_eq!(claimed(world.claim("a", "body")).err(), Some(answer.clone()));
    assert_eq!(claimed(world.claim("a", "another")).err().as_deref(), Some("other"));
    // A stream that was made again has other keys.
    assert!(claimed(world.keys.claim("rows~1", "a", &[b"body"]).unwrap()).is_ok());
    drop(world);

    clock.advance(Duration::from_secs(23 * 3600));
    let world = open(folder.path(), &clock).await;
    assert_eq!(claimed(world.claim("a", "body")).err(), Some(answer));
    clock.advance(Duration::from_secs(3600));
    let claim = claimed(world.claim("a", "another")).unwrap();
    assert_eq!(world.append(claim, "rows").await.unwrap(), "[(0, 2..3), (1, 2..3)]");
    assert_eq!(world.rows(), [2, 2]);
    drop(world);
    let world = open(folder.path(), &clock).await;
    assert_eq!(claimed(world.claim("a", "body")).err().as_deref(), Some("other"));
}

#[tokio::test]
async fn a_key_is_free_again_when_its_request_fails() {
    let (folder, clock) = (tempfile::tempdir().unwrap(), ManualClock::at(0));
    let world = open(folder.path(), &clock).await;
    let claim = claimed(world.claim("a", "body")).unwrap();
    assert_eq!(claimed(world.claim("a", "body")).err().as_deref(), Some("busy"));
    drop(claim);
    let claim = claimed(world.claim("a", "body")).unwrap();
    let refused = world.append(claim, "nowhere").await.unwrap_err();
    assert!(
        refused.message.starts_with("the rows could not be appended: topic \"nowhere\" does not exist"),
        "{refused}"
    );
    // What failed with it is not in the way of what follows.
    let claim = claimed(world.claim("a", "body")).unwrap();
    world.append(claim, "rows").await.unwrap();
    assert_eq!(world.rows(), [1, 1]);
}

#[tokio::test]
async fn requests_that_wait_together_are_appended_once_each() {
    let (folder, clock) = (tempfile::tempdir().unwrap(), ManualClock::at(0));
    let world = open(folder.path(), &clock).await;
    let requests = (0..200).map(|number| {
        let claim = claimed(world.claim(&number.to_string(), "body")).unwrap();
        world.append(claim, "rows")
    });
    let answers = futures::future::try_join_all(requests).await.unwrap();
    let different: HashSet<&String> = answers.iter().collect();
    assert_eq!((different.len(), world.rows()), (200, vec![200, 200]));
}
