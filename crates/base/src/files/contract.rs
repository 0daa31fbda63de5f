//! The contract of [`Files`], sentence by sentence, as a suite for every implementation.
//!
//! It panics at the first broken promise, so it is called from tests. What holds only across a
//! crash is tested where crashes can be made: beside the simulated system.

#![expect(clippy::unwrap_used, reason = "a suite for tests: a broken promise is a panic")]

use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;

use super::{Files, Open, read};

/// Runs the suite in an existing, empty folder.
pub fn check(files: &Arc<dyn Files>, root: &Path) {
    let files = files.as_ref();
    opening(files, &root.join("opening"));
    positions(files, &root.join("positions"));
    folders(files, &root.join("folders"));
    names(files, &root.join("names"));
    links(files, &root.join("links"));
    removal(files, &root.join("removal"));
    locks(files, &root.join("locks"));
    assert_eq!(files.list(root).unwrap().len(), 7, "each part leaves its folder");
}

fn failure<T>(result: super::Result<T>) -> ErrorKind {
    match result {
        Ok(_) => panic!("this should have failed"),
        Err(error) => error.source.kind(),
    }
}

fn opening(files: &dyn Files, at: &Path) {
    files.create_folders(at).unwrap();
    let path = at.join("file");
    assert_eq!(failure(files.open(&path, Open::Read)), ErrorKind::NotFound);
    assert_eq!(failure(files.open(&path, Open::Write)), ErrorKind::NotFound);
    assert_eq!(failure(files.open(&at.join("missing/file"), Open::CreateNew)), ErrorKind::NotFound);
    let written = files.open(&path, Open::CreateNew).unwrap();
    written.write_at(b"hello", 0).unwrap();
    assert_eq!(failure(files.open(&path, Open::CreateNew)), ErrorKind::AlreadyExists);
    assert_eq!(failure(files.open(&path.join("below"), Open::Read)), ErrorKind::NotADirectory);

    let seen = files.open(&path, Open::Read).unwrap();
    let mut buffer = [0; 5];
    assert_eq!(seen.read_at(&mut buffer, 0).unwrap(), 5, "bytes written are readable at once");
    assert_eq!(&buffer, b"hello");
    let again = files.open(&path, Open::Write).unwrap();
    again.write_at(b"j", 0).unwrap();
    assert_eq!(read(files, &path).unwrap(), b"jello");
    written.sync_data().unwrap();
    files.sync_folder(at).unwrap();
}

fn positions(files: &dyn Files, at: &Path) {
    files.create_folders(at).unwrap();
    let path = at.join("file");
    let file = files.open(&path, Open::CreateNew).unwrap();
    assert_eq!(file.length().unwrap(), 0);
    file.write_at(b"abc", 5).unwrap();
    assert_eq!(read(files, &path).unwrap(), b"\0\0\0\0\0abc", "a hole reads as zeros");
    let mut buffer = [9; 4];
    assert_eq!(file.read_at(&mut buffer, 6).unwrap(), 2, "a read stops at the end");
    assert_eq!(&buffer, b"bc\x09\x09");
    assert_eq!(file.read_at(&mut buffer, 100).unwrap(), 0);
    file.write_at(b"XY", 7).unwrap();
    assert_eq!(file.length().unwrap(), 9);
    file.set_length(6).unwrap();
    file.set_length(8).unwrap();
    assert_eq!(read(files, &path).unwrap(), b"\0\0\0\0\0a\0\0", "what was cut off does not come back");
    file.write_at(b"", 100).unwrap();
    assert_eq!(file.length().unwrap(), 8, "writing nothing changes nothing");
    file.sync_data().unwrap();
    let metadata = files.metadata(&path).unwrap();
    assert_eq!((metadata.length, metadata.is_folder), (8, false));
    assert!(metadata.modified_us > 0);
}

fn folders(files: &dyn Files, at: &Path) {
    assert_eq!(failure(files.list(at)), ErrorKind::NotFound, "a missing folder is an error");
    assert_eq!(failure(files.metadata(at)), ErrorKind::NotFound);
    assert_eq!(failure(files.sync_folder(at)), ErrorKind::NotFound);
    files.create_folders(&at.join("a/b/c")).unwrap();
    files.create_folders(&at.join("a/b")).unwrap();
    for name in ["z", "m", "a.b"] {
        files.open(&at.join(name), Open::CreateNew).unwrap();
    }
    let entries = files.list(at).unwrap();
    let names: Vec<_> = entries.iter().map(|entry| (entry.name.as_str(), entry.metadata.is_folder)).collect();
    assert_eq!(names, [("a", true), ("a.b", false), ("m", false), ("z", false)], "sorted by name");
    assert!(files.metadata(&at.join("a/b")).unwrap().is_folder);
    assert!(files.create_folders(&at.join("z/below")).is_err(), "a file is no folder");
    assert_eq!(failure(files.list(&at.join("z"))), ErrorKind::NotADirectory);
    assert!(files.open(&at.join("a"), Open::Write).is_err(), "a folder is no file");
}

fn names(files: &dyn Files, at: &Path) {
    files.create_folders(&at.join("other")).unwrap();
    let (one, two, far) = (at.join("one"), at.join("two"), at.join("other/far"));
    files.open(&one, Open::CreateNew).unwrap().write_at(b"one", 0).unwrap();
    files.open(&two, Open::CreateNew).unwrap().write_at(b"two", 0).unwrap();
    let replaced = files.open(&two, Open::Read).unwrap();
    let identity = files.metadata(&one).unwrap().identity;
    assert_ne!(identity, files.metadata(&two).unwrap().identity);
    files.rename(&one, &two).unwrap();
    assert_eq!(read(files, &two).unwrap(), b"one", "rename replaces");
    assert_eq!(files.metadata(&two).unwrap().identity, identity);
    assert_eq!(failure(files.open(&one, Open::Read)), ErrorKind::NotFound);
    let mut buffer = [0; 3];
    replaced.read_at(&mut buffer, 0).unwrap();
    assert_eq!(&buffer, b"two", "an open file stays readable after its name is another's");
    files.rename(&two, &far).unwrap();
    assert_eq!(read(files, &far).unwrap(), b"one");
    assert_eq!(failure(files.rename(&two, &one)), ErrorKind::NotFound);
    assert_eq!(failure(files.rename(&far, &at.join("missing/x"))), ErrorKind::NotFound);
    assert!(files.rename(&far, &at.join("other")).is_err(), "a folder is not replaced by a file");
    files.rename(&at.join("other"), &at.join("moved")).unwrap();
    assert_eq!(read(files, &at.join("moved/far")).unwrap(), b"one", "a folder moves with what is in it");
}

fn links(files: &dyn Files, at: &Path) {
    files.create_folders(at).unwrap();
    let (one, two) = (at.join("one"), at.join("two"));
    let file = files.open(&one, Open::CreateNew).unwrap();
    file.write_at(b"1", 0).unwrap();
    assert_eq!(failure(files.link_new(&two, &at.join("three"))), ErrorKind::NotFound);
    files.link_new(&one, &two).unwrap();
    assert_eq!(files.metadata(&one).unwrap().identity, files.metadata(&two).unwrap().identity);
    file.write_at(b"2", 1).unwrap();
    assert_eq!(read(files, &two).unwrap(), b"12", "two names, one file");
    files.open(&at.join("other"), Open::CreateNew).unwrap();
    assert_eq!(failure(files.link_new(&at.join("other"), &two)), ErrorKind::AlreadyExists, "a link never replaces");
    assert_eq!(failure(files.link_new(&one, at)), ErrorKind::AlreadyExists);
    files.rename(&one, &two).unwrap();
    assert!(files.metadata(&one).is_ok(), "POSIX: renaming one name of a file to another leaves both");
    files.remove_file(&one).unwrap();
    assert_eq!(read(files, &two).unwrap(), b"12");
}

fn removal(files: &dyn Files, at: &Path) {
    files.create_folders(&at.join("a/b")).unwrap();
    let path = at.join("a/b/file");
    let file = files.open(&path, Open::CreateNew).unwrap();
    file.write_at(b"still here", 0).unwrap();
    assert!(files.remove_file(&at.join("a")).is_err(), "a folder is no file");
    files.remove_file(&path).unwrap();
    let mut buffer = [0; 10];
    assert_eq!(file.read_at(&mut buffer, 0).unwrap(), 10, "an open file stays readable after its path is removed");
    assert_eq!(&buffer, b"still here");
    assert_eq!(failure(files.remove_file(&path)), ErrorKind::NotFound);
    files.open(&path, Open::CreateNew).unwrap();
    files.remove_folder(&at.join("a")).unwrap();
    assert_eq!(failure(files.metadata(&at.join("a"))), ErrorKind::NotFound);
    files.remove_folder(&at.join("a")).unwrap();
}

fn locks(files: &dyn Files, at: &Path) {
    files.create_folders(at).unwrap();
    let path = at.join("lock");
    let held = files.lock(&path).unwrap();
    assert!(!files.metadata(&path).unwrap().is_folder, "the file is created where it is missing");
    assert_eq!(failure(files.lock(&path)), ErrorKind::WouldBlock);
    drop(held);
    drop(files.lock(&path).unwrap());
    assert_eq!(failure(files.lock(&at.join("missing/lock"))), ErrorKind::NotFound);
}
