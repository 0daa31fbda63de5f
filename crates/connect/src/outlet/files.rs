//! Files in a folder, each with one range of offsets of one partition.
//!
//! A file appears whole, under a name that tells its range: `orders-0-00000000000000000000-00000000000000000120.json`.
//! So the folder itself says what has arrived, and each row is in one file, however often the node dies.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use headwater_base::files::{self as disk, Files as Disk};
use headwater_format::Format;
use headwater_stream::delivery::{Error, Limits, Outlet, Range, Result};

use super::{encode, lines};

/// What a declaration says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// The folder, made where it is missing.
    pub path: PathBuf,
    pub format: Format,
    /// The stream's name, with which names of files begin.
    pub stream: String,
    pub limits: Limits,
}

impl Options {
    /// A file at least every ten seconds while rows come.
    pub const LIMITS: Limits = Limits { rows: 1_000_000, bytes: 32 << 20, wait: Duration::from_secs(10) };
}

/// Writes files.
pub struct Files {
    disk: Arc<dyn Disk>,
    options: Options,
}

impl Files {
    pub fn new(disk: Arc<dyn Disk>, options: Options) -> Files {
        Files { disk, options }
    }

    fn name(&self, partition: u32, from: i64, until: i64) -> String {
        format!("{}-{partition}-{from:020}-{until:020}.{}", self.options.stream, extension(self.options.format))
    }

    /// The end of a file's range, if it is one of ours and of the partition.
    fn end_of(&self, name: &str, partition: u32) -> Option<i64> {
        let rest = name.strip_prefix(&format!("{}-{partition}-", self.options.stream))?;
        let range = rest.strip_suffix(&format!(".{}", extension(self.options.format)))?;
        let (from, until) = range.split_once('-')?;
        let (from, until): (i64, i64) = (from.parse().ok()?, until.parse().ok()?);
        (self.name(partition, from, until) == name).then_some(until)
    }

    fn write(&self, folder: &Path, name: &str, content: &[u8]) -> disk::Result<()> {
        let draft = folder.join(format!(".{name}.new"));
        disk::replace_from(self.disk.as_ref(), &draft, &folder.join(name), content)
    }
}

impl Outlet for Files {
    fn delivered(&mut self, partition: u32) -> Result<Option<i64>> {
        self.disk.create_folders(&self.options.path).map_err(unavailable)?;
        // What is counted as delivered must last, also where the node died between a file's name and its folder's sync.
        self.disk.sync_folder(&self.options.path).map_err(unavailable)?;
        let entries = self.disk.list(&self.options.path).map_err(unavailable)?;
        // Drafts of a node that died: nobody goes on with them.
        let draft = format!(".{}-{partition}-", self.options.stream);
        for entry in entries.iter().filter(|entry| entry.name.starts_with(&draft) && entry.name.ends_with(".new")) {
            self.disk.remove_file(&self.options.path.join(&entry.name)).map_err(unavailable)?;
        }
        Ok(entries.iter().filter_map(|entry| self.end_of(&entry.name, partition)).max())
    }

    fn deliver(&mut self, range: &Range) -> Result<()> {
        let records = encode(range, self.options.format)?;
        let mut content = Vec::with_capacity(records.bytes.len() + records.len());
        if self.options.format == Format::Csv {
            header(range, &mut content);
        }
        lines(&records, &mut content);
        let name = self.name(range.partition, range.from, range.until);
        self.write(&self.options.path, &name, &content).map_err(unavailable)
    }

    fn limits(&self) -> Limits {
        self.options.limits
    }
}

fn extension(format: Format) -> &'static str {
    match format {
        Format::Json => "json",
        Format::Csv => "csv",
    }
}

/// The names of the columns, as RFC 4180 writes them.
fn header(range: &Range, out: &mut Vec<u8>) {
    for (at, field) in range.rows.schema_ref().fields().iter().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        let name = field.name();
        if name.contains([',', '"', '\n', '\r']) {
            out.extend_from_slice(format!("\"{}\"", name.replace('"', "\"\"")).as_bytes());
        } else {
            out.extend_from_slice(name.as_bytes());
        }
    }
    out.push(b'\n');
}

/// A disk may have room again, and a folder its rights.
fn unavailable(error: disk::Error) -> Error {
    Error::new(headwater_base::ErrorKind::Unavailable, error.to_string())
}
