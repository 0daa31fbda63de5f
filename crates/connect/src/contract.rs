//! What every source promises, as a suite that each must pass.
//!
//! The main promise: whoever keeps the records together with the position after them, and starts again from there
//! after a stop at any moment, has each record once, in the same order.

use headwater_base::random::Random;
use headwater_stream::source::{Intake, Progress, Result, Source};

/// Records that a source gave, and how many it may give before it must return.
#[derive(Debug, Default)]
pub struct Collected {
    pub records: Vec<Vec<u8>>,
    /// Full at so many records.
    pub until: Option<usize>,
}

impl Intake for Collected {
    fn push(&mut self, record: &[u8]) {
        self.records.push(record.to_vec());
    }

    fn is_full(&self) -> bool {
        self.until.is_some_and(|until| self.records.len() >= until)
    }
}

/// Polls a source until it ends or waits, or the intake is full.
pub fn drain(source: &mut dyn Source, intake: &mut Collected) -> Result<Progress> {
    loop {
        match source.poll(intake)? {
            Progress::More if !intake.is_full() => {}
            progress => return Ok(progress),
        }
    }
}

/// Checks a bounded source, of which `make` gives a new life each time, against itself read in one go; returns its
/// records. The seed decides where it is interrupted. Panics where a promise is broken.
pub fn check(make: &dyn Fn() -> Box<dyn Source>, seed: u64) -> Vec<Vec<u8>> {
    let mut whole = Collected::default();
    let mut source = make();
    let read = source.start(None).and_then(|()| drain(source.as_mut(), &mut whole));
    assert!(matches!(read, Ok(Progress::End)), "{read:?}");
    assert!(matches!(source.poll(&mut whole), Ok(Progress::End)), "the end is the end");
    let status = source.status();
    assert_eq!(Some(status.done), status.total, "all is done at the end");

    let mut random = Random::new(seed);
    let mut source = make();
    let mut kept: Option<Vec<u8>> = None;
    let mut got = Collected::default();
    let started = source.start(None);
    assert!(started.is_ok(), "{started:?}");
    loop {
        let scale = random.below(12);
        got.until = Some(got.records.len() + 1 + random.below(1 << scale) as usize);
        let before = got.records.len();
        let progress = source.poll(&mut got);
        assert!(got.records.len() <= got.until.unwrap_or(0), "a full intake takes no more");
        if random.chance(1, 3) {
            // A stop before the commit: the records of this poll and the position after them are lost.
            got.records.truncate(before);
            source = restart(make, kept.as_deref());
            continue;
        }
        kept = Some(source.position());
        if random.chance(1, 3) {
            source = restart(make, kept.as_deref());
            assert_eq!(Some(source.position()), kept, "a position survives a restart as it is");
        } else if matches!(progress, Ok(Progress::End)) {
            break;
        }
        assert!(progress.is_ok(), "{progress:?}");
    }
    assert_eq!(got.records.len(), whole.records.len(), "seed {seed}");
    assert!(got.records == whole.records, "other records or another order, seed {seed}");
    whole.records
}

fn restart(make: &dyn Fn() -> Box<dyn Source>, position: Option<&[u8]>) -> Box<dyn Source> {
    let mut source = make();
    let started = source.start(position);
    assert!(started.is_ok(), "{started:?}");
    source
}
