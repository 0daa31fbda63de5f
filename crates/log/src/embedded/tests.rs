//! Tests of the embedded log: the contract, on a simulated disk and on the machine's own.

use std::sync::Arc;
use std::time::Duration;

use headwater_base::clock::{ManualClock, SystemClock};
use headwater_base::files::disk::Disk;
use headwater_base::files::simulated::Simulated;

use super::{EmbeddedLog, Options, Sync};
use crate::{Log, contract};

/// Small segments, so that everything happens.
fn small() -> Options {
    Options { segment_bytes_max: 16 << 10, index_interval_bytes: 512, journal_bytes_min: 4 << 10, ..Options::default() }
}

#[test]
fn keeps_the_contract_in_memory() {
    for sync in [Sync::Group { interval: Duration::ZERO, bytes: 1 << 20 }, Sync::Off] {
        contract::check_all(&|| {
            let files = Simulated::new(1).shared();
            let options = Options { sync, ..small() };
            let clock = ManualClock::at(1_700_000_000_000_000);
            Arc::new(EmbeddedLog::open(files, "/log".as_ref(), clock, options).unwrap()) as Arc<dyn Log>
        })
        .unwrap();
    }
}

#[test]
fn keeps_the_contract_on_disk() {
    let folder = tempfile::tempdir().unwrap();
    let count = std::cell::Cell::new(0);
    contract::check_all(&|| {
        count.set(count.get() + 1);
        let root = folder.path().join(count.get().to_string());
        let clock = SystemClock::shared();
        Arc::new(EmbeddedLog::open(Disk::shared(), &root, clock, small()).unwrap()) as Arc<dyn Log>
    })
    .unwrap();
}
