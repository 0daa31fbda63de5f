//! The contract over both systems, and what a simulated crash may and may not do.

use std::path::Path;
use std::sync::Arc;

use super::{Faults, Simulated};
use crate::files::disk::Disk;
use crate::files::{Files, Open, contract, read, replace, replace_private};

const SEEDS: u64 = 200;

#[test]
fn disk_keeps_the_contract() {
    let folder = tempfile::tempdir().unwrap();
    contract::check(&Disk::shared(), folder.path());
}

#[test]
fn a_private_file_is_its_owners_alone() {
    use std::os::unix::fs::MetadataExt;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    // Also where an older one, or a draft that stayed behind, was everybody's.
    for public in ["file", "file.new"] {
        std::fs::write(folder.path().join(public), "old").unwrap();
    }
    replace_private(&Disk, &path, b"new").unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), b"new");
    assert_eq!(std::fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
}

#[test]
fn a_replaced_file_is_whole_after_a_crash() {
    let (mut old, mut new) = (0, 0);
    for seed in 0..SEEDS {
        let sim = Simulated::new(seed);
        let path = Path::new("/file");
        replace(&sim, path, &[1; 1000]).unwrap();
        sim.set_faults(Faults { error_chance: Some((1, 4)), ..Faults::default() });
        let replaced = replace(&sim, path, &[2; 2000]).is_ok();
        sim.set_faults(Faults::default());
        sim.crash();
        let bytes = sim.read(path).unwrap();
        assert!(bytes == [2; 2000] || bytes == [1; 1000] && !replaced, "seed {seed}");
        (old, new) = if bytes.len() == 1000 { (old + 1, new) } else { (old, new + 1) };
        replace(&sim, path, &[3; 10]).unwrap();
        assert_eq!(sim.read(path).unwrap(), [3; 10], "seed {seed}: a draft that stayed behind is in nobody's way");
    }
    assert!(old > 20 && new > 20, "every outcome happens: {old} {new}");
}

#[test]
fn simulated_keeps_the_contract() {
    let files = Simulated::new(1).shared();
    files.create_folders(Path::new("/contract")).unwrap();
    contract::check(&files, Path::new("/contract"));
}

fn put(sim: &Simulated, path: &str, bytes: &[u8]) -> crate::files::Result<()> {
    let path = Path::new(path);
    let file = sim.open(path, Open::CreateNew)?;
    file.write_at(bytes, 0)?;
    file.sync_data()?;
    sim.sync_folder(path.parent().unwrap())
}

#[test]
fn what_was_synced_survives_and_the_rest_may_not() {
    let (mut whole, mut torn, mut lost, mut entries_lost) = (0, 0, 0, 0);
    for seed in 0..SEEDS {
        let sim = Simulated::new(seed);
        put(&sim, "/kept", &[1; 1000]).unwrap();
        let file = sim.open(Path::new("/kept"), Open::Write).unwrap();
        file.write_at(&[2; 1000], 1000).unwrap();
        sim.open(Path::new("/new"), Open::CreateNew).unwrap();
        sim.crash();
        let bytes = sim.read(Path::new("/kept")).unwrap();
        assert_eq!(bytes[..1000], [1; 1000], "seed {seed}");
        assert!(bytes[1000..].iter().all(|byte| *byte == 2), "seed {seed}");
        match bytes.len() {
            1000 => lost += 1,
            2000 => whole += 1,
            _ => torn += 1,
        }
        entries_lost += u32::from(sim.read(Path::new("/new")).is_err());
        assert!(file.read_at(&mut [0], 0).unwrap_err().to_string().contains("stale"), "seed {seed}");
    }
    for count in [whole, torn, lost, entries_lost] {
        assert!(count > 20, "every outcome happens: {whole} {torn} {lost} {entries_lost}");
    }
}

#[test]
fn writes_survive_independently() {
    let mut later_alone = 0;
    for seed in 0..SEEDS {
        let sim = Simulated::new(seed);
        put(&sim, "/file", &[0; 1024]).unwrap();
        let file = sim.open(Path::new("/file"), Open::Write).unwrap();
        file.write_at(&[1; 512], 0).unwrap();
        file.write_at(&[2; 512], 512).unwrap();
        sim.crash();
        let bytes = sim.read(Path::new("/file")).unwrap();
        later_alone += u32::from(bytes[0] == 0 && bytes[1023] == 2);
    }
    assert!(later_alone > 10, "a later write survives an earlier one that is lost: {later_alone}");
}

#[test]
fn entries_survive_in_order_and_renames_whole() {
    for seed in 0..SEEDS {
        let sim = Simulated::new(seed);
        sim.create_folders(Path::new("/a")).unwrap();
        sim.create_folders(Path::new("/b")).unwrap();
        put(&sim, "/a/first", b"x").unwrap();
        sim.open(Path::new("/a/second"), Open::CreateNew).unwrap();
        sim.rename(Path::new("/a/first"), Path::new("/b/first")).unwrap();
        sim.open(Path::new("/a/third"), Open::CreateNew).unwrap();
        if seed % 3 == 0 {
            sim.sync_folder(Path::new("/b")).unwrap();
        }
        sim.crash();
        let is = |path: &str| sim.metadata(Path::new(path)).is_ok();
        assert!(is("/a/first") != is("/b/first"), "seed {seed}: a file has one of its two names");
        assert!(is("/a/second") || is("/a/first"), "seed {seed}: journal order");
        assert!(is("/a/second") || !is("/a/third"), "seed {seed}: journal order");
        assert!(seed % 3 != 0 || is("/b/first"), "seed {seed}: a synced folder keeps its entries");
    }
}

#[test]
fn a_failed_sync_forgets() {
    let mut forgotten = 0;
    for seed in 0..SEEDS {
        let sim = Simulated::new(seed);
        put(&sim, "/file", b"").unwrap();
        let file = sim.open(Path::new("/file"), Open::Write).unwrap();
        file.write_at(b"bytes", 0).unwrap();
        sim.set_faults(Faults { error_chance: Some((1, 1)), ..Faults::default() });
        file.sync_data().unwrap_err();
        assert!(file.write_at(b"more", 9).is_err());
        sim.set_faults(Faults::default());
        file.sync_data().unwrap();
        assert_eq!(read(&sim, Path::new("/file")).unwrap()[..5], *b"bytes", "readers see the page cache");
        sim.crash();
        forgotten += u32::from(!sim.read(Path::new("/file")).unwrap().starts_with(b"bytes"));
    }
    assert!(forgotten > 20, "a second sync does not bring back what the first lost: {forgotten}");
}

#[test]
fn a_full_disk_refuses_writes_until_there_is_room() {
    let sim = Simulated::new(7);
    sim.set_faults(Faults { full: Some(100), ..Faults::default() });
    put(&sim, "/one", &[1; 60]).unwrap();
    let two = sim.open(Path::new("/two"), Open::CreateNew).unwrap();
    let full = two.write_at(&[2; 60], 0).unwrap_err();
    assert_eq!(full.source.kind(), std::io::ErrorKind::StorageFull);
    assert_eq!(two.length().unwrap(), 40, "what fits is written");
    sim.open(Path::new("/one"), Open::Write).unwrap().write_at(&[3; 60], 0).unwrap();
    sim.remove_file(Path::new("/one")).unwrap();
    two.write_at(&[2; 60], 0).unwrap();
}

/// A small script: two files put one after the other, the second under a name of its own and then renamed.
fn script(sim: &Simulated) -> crate::files::Result<()> {
    sim.create_folders(Path::new("/data"))?;
    put(sim, "/data/one", b"first")?;
    put(sim, "/data/two.tmp", b"second")?;
    sim.rename(Path::new("/data/two.tmp"), Path::new("/data/two"))?;
    sim.sync_folder(Path::new("/data"))
}

#[test]
fn every_crash_point_keeps_what_was_acknowledged() {
    let dry = Simulated::new(0);
    script(&dry).unwrap();
    let operations = dry.operations();
    assert!(operations > 8);
    for seed in 0..20 {
        for at in 1..=operations + 1 {
            let sim = Simulated::new(seed);
            sim.set_faults(Faults { crash_at_operation: Some(at), ..Faults::default() });
            let result = script(&sim);
            assert_eq!(result.is_ok(), at > operations, "seed {seed}, operation {at}");
            if let Err(error) = result {
                assert!(error.to_string().contains("off"), "{error}");
                assert!(sim.is_off() && sim.list(Path::new("/")).is_err());
            }
            sim.restart();
            let kept = |path: &str| sim.read(Path::new(path)).ok();
            if let Some(two) = kept("/data/two") {
                assert_eq!(two, b"second", "seed {seed}, operation {at}: renamed after a sync, so whole");
                assert_eq!(kept("/data/one").unwrap(), b"first", "seed {seed}, operation {at}");
            }
            assert!(at <= operations || kept("/data/two").is_some());
        }
    }
}

#[test]
fn one_seed_gives_one_outcome() {
    let run = |seed| {
        let sim = Simulated::new(seed);
        let _ = script(&sim);
        let file = sim.open(Path::new("/data/one"), Open::Write).unwrap();
        for at in 0..20 {
            file.write_at(&[at as u8; 700], at * 300).unwrap();
        }
        sim.crash();
        sim.read(Path::new("/data/one")).unwrap()
    };
    assert_eq!(run(3), run(3));
    assert_ne!(run(3), run(4));
}

#[test]
fn a_crash_releases_locks() {
    let sim = Simulated::new(5);
    let files: Arc<dyn Files> = sim.shared();
    let held = files.lock(Path::new("/lock")).unwrap();
    sim.crash();
    let again = files.lock(Path::new("/lock")).unwrap();
    drop(held);
    assert!(files.lock(Path::new("/lock")).is_err(), "a guard of an earlier life frees nothing");
    drop(again);
}

#[test]
fn bytes_can_be_corrupted() {
    let sim = Simulated::new(5);
    sim.write(Path::new("/a/b"), b"abc").unwrap();
    sim.flip(Path::new("/a/b"), 1).unwrap();
    sim.crash();
    assert_eq!(sim.read(Path::new("/a/b")).unwrap(), [b'a', b'b' ^ 0x5A, b'c']);
}
