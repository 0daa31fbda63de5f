//! Giving objects their names: put, copy and rename, each durable when it returns.
//!
//! Order matters: bytes are synced before a name points at them, and the folder is synced after.

use std::path;

use object_store::path::Path;
use object_store::{PutMode, PutPayload, PutResult, Result};

use super::folder::{Folder, convert, not_found, not_implemented, tag};
use crate::files::{self, Open};

pub(super) fn put(folder: &Folder, location: &Path, payload: &PutPayload, mode: &PutMode) -> Result<PutResult> {
    let create = match mode {
        PutMode::Create => true,
        PutMode::Overwrite => false,
        PutMode::Update(_) => return Err(not_implemented("put with mode Update")),
    };
    let to = folder.file(location)?;
    if create && folder.files.metadata(&to).is_ok() {
        return Err(convert(already_exists(&to)));
    }
    let staged = folder.staging.name();
    let written = write(folder, &staged, payload).map_err(convert).and_then(|e_tag| {
        if create { name_new(folder, &staged, &to) } else { name_over(folder, &staged, &to) }?;
        Ok(PutResult { e_tag: Some(e_tag), version: None })
    });
    if create || written.is_err() {
        folder.staging.discard(&staged);
    }
    written
}

/// Writes a temporary file and syncs its bytes. Returns its tag.
fn write(folder: &Folder, staged: &path::Path, payload: &PutPayload) -> files::Result<String> {
    let file = folder.files.open(staged, Open::CreateNew)?;
    let mut offset = 0;
    for bytes in payload {
        file.write_at(bytes, offset)?;
        offset += bytes.len() as u64;
    }
    file.sync_data()?;
    Ok(tag(&folder.files.metadata(staged)?))
}

fn already_exists(path: &path::Path) -> files::Error {
    files::Error::new("create", path, std::io::ErrorKind::AlreadyExists.into())
}

/// Gives a synced file a second name that must be free: the atomic put-if-absent.
fn name_new(folder: &Folder, from: &path::Path, to: &path::Path) -> Result<()> {
    folder.in_parent(to, || folder.files.link_new(from, to))?;
    folder.sync_parent(to).inspect_err(|_| {
        // A name that is seen but may not last must not stay: whoever looks for it next would take it for acknowledged.
        let _ = folder.files.remove_file(to);
    })
}

/// Moves a synced file to a name, replacing what has it.
pub(super) fn name_over(folder: &Folder, from: &path::Path, to: &path::Path) -> Result<()> {
    folder.in_parent(to, || folder.files.rename(from, to))?;
    folder.sync_parent(to)
}

/// An object and its copy are two names of one file: neither is ever written in place.
pub(super) fn copy_new(folder: &Folder, from: &Path, to: &Path) -> Result<()> {
    let (from, to) = (existing(folder, from)?, folder.file(to)?);
    name_new(folder, &from, &to)
}

pub(super) fn copy_over(folder: &Folder, from: &Path, to: &Path) -> Result<()> {
    let (from, to) = (existing(folder, from)?, folder.file(to)?);
    let staged = folder.staging.name();
    folder.files.link_new(&from, &staged).map_err(convert)?;
    let named = name_over(folder, &staged, &to);
    // Renaming one name of a file to another of the same file leaves both.
    folder.staging.discard(&staged);
    named
}

pub(super) fn rename_over(folder: &Folder, from: &Path, to: &Path) -> Result<()> {
    let (from, to) = (existing(folder, from)?, folder.file(to)?);
    if from == to {
        return Ok(());
    }
    let identity = folder.files.metadata(&from).map_err(convert)?.identity;
    name_over(folder, &from, &to)?;
    // As above: a copy and its original are one file, and a rename leaves both names.
    if folder.files.metadata(&from).is_ok_and(|left| left.identity == identity) {
        folder.files.remove_file(&from).map_err(convert)?;
    }
    folder.sync_parent(&from)
}

fn existing(folder: &Folder, location: &Path) -> Result<path::PathBuf> {
    let path = folder.file(location)?;
    match folder.files.metadata(&path) {
        Ok(metadata) if !metadata.is_folder => Ok(path),
        Ok(_) => Err(not_found(&path)),
        Err(error) => Err(convert(error)),
    }
}
