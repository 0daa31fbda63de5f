//! Damaged files: each an error that names the file and what to do, never other rows.

use std::path::Path as FilePath;

use headwater_base::ErrorKind;
use headwater_base::files::Files;
use headwater_base::files::simulated::Simulated;
use headwater_base::random::Random;

use super::{all, columns, file, lake, query};
use crate::{Archive, Error};

const TABLE: &str = "/data/lake/bids";

/// An archive of some commits, with a checkpoint at version 10.
async fn filled(sim: &Simulated) -> Archive {
    let lake = lake(sim).with_checkpoint_interval(10);
    let mut archive = lake.open_archive("bids", &columns()).await.unwrap();
    for round in 0..13 {
        let offsets: Vec<i64> = (round * 50..round * 50 + 50).collect();
        let files = vec![file(&archive, 0, &offsets, round * 50 + 50).await.unwrap()];
        archive.commit(files).await.unwrap();
    }
    archive
}

fn at(inside: &str) -> std::path::PathBuf {
    FilePath::new(TABLE).join(inside)
}

fn is_clear(error: &Error, file: &str) {
    let text = error.to_string();
    assert_eq!(error.kind(), ErrorKind::Corrupt, "{text}");
    assert!(text.contains(file) && text.contains("restore it"), "{text}");
}

async fn scan_fails(archive: &Archive, file: &str) {
    let error = query(&archive.snapshot(), "SELECT * FROM archive").await.unwrap_err();
    is_clear(&Error::damage_inside(&error).unwrap_or_else(|| panic!("{error:?}")), file);
}

#[tokio::test]
async fn every_flipped_byte_of_a_data_file_is_found() {
    let sim = Simulated::new(1);
    filled(&sim).await;
    let name = "p0/00000000000000000100-0.parquet";
    let length = sim.metadata(&at(name)).unwrap().length;
    let mut random = Random::new(7);
    for _ in 0..40 {
        let offset = random.below(length);
        sim.flip(&at(name), offset).unwrap();
        // Opened anew: checksums come from the checkpoint.
        let archive = lake(&sim).find_archive("bids").await.unwrap().unwrap();
        scan_fails(&archive, name).await;
        sim.flip(&at(name), offset).unwrap();
    }
}

#[tokio::test]
async fn missing_and_cut_data_files_are_found() {
    let sim = Simulated::new(1);
    let archive = filled(&sim).await;
    let rows = all(&archive.snapshot()).await.num_rows();
    assert_eq!(rows, 650);
    for name in ["p0/00000000000000000100-0.parquet", "p0/00000000000000000600-0.parquet"] {
        let whole = sim.read(&at(name)).unwrap();
        sim.write(&at(name), &whole[..whole.len() / 2]).unwrap();
        scan_fails(&archive, name).await;
        sim.remove_file(&at(name)).unwrap();
        scan_fails(&archive, name).await;
        sim.write(&at(name), &whole).unwrap();
        assert_eq!(all(&archive.snapshot()).await.num_rows(), rows);
    }
}

async fn opening_fails(sim: &Simulated, file: &str) {
    is_clear(&lake(sim).find_archive("bids").await.unwrap_err(), file);
    is_clear(&lake(sim).open_archive("bids", &columns()).await.unwrap_err(), file);
}

#[tokio::test]
async fn damaged_commits_are_found() {
    let sim = Simulated::new(1);
    filled(&sim).await;
    let name = "_delta_log/00000000000000000012.json";
    let whole = sim.read(&at(name)).unwrap();
    let text = String::from_utf8(whole.clone()).unwrap();
    let other_digits = text.replace("\"numRecords\\\":50", "\"numRecords\\\":51");
    assert_ne!(text, other_digits);
    let damaged = [&b""[..], b"{", &whole[..whole.len() / 2], &[0xFF; 100], other_digits.as_bytes()];
    for bytes in damaged {
        sim.write(&at(name), bytes).unwrap();
        opening_fails(&sim, name).await;
    }
    sim.remove_file(&at(name)).unwrap();
    opening_fails(&sim, name).await;
    sim.write(&at(name), &whole).unwrap();
    assert_eq!(lake(&sim).find_archive("bids").await.unwrap().unwrap().next_offset(0), 650);
}

#[tokio::test]
async fn damaged_checkpoints_and_logs_are_found() {
    let sim = Simulated::new(1);
    filled(&sim).await;
    let name = "_delta_log/00000000000000000010.checkpoint.parquet";
    let whole = sim.read(&at(name)).unwrap();
    for bytes in [&b""[..], &whole[..whole.len() / 2], &[0; 1000]] {
        sim.write(&at(name), bytes).unwrap();
        opening_fails(&sim, name).await;
    }
    sim.write(&at(name), &whole).unwrap();
    lake(&sim).find_archive("bids").await.unwrap().unwrap();
    sim.remove_folder(&at("_delta_log")).unwrap();
    opening_fails(&sim, "_delta_log").await;
}
