//! What a file says: its bytes, or what they are decompressed to where its name ends as compressed files' do.
//!
//! Offsets are those of the decompressed text. A compressed file is read from its beginning only, so an offset is found
//! by decompressing all before it; two places are kept, so that reading the header again does not lose the other.

use std::io::{self, BufReader, Read};
use std::sync::Arc;

use flate2::bufread::MultiGzDecoder;
use headwater_base::files::{self, File};

use crate::error::{Error, Result};

/// How much of a compressed file is read at once.
const RAW_BYTES: usize = 128 << 10;

/// Places in one compressed file that are held open.
const PLACES: usize = 2;

/// How a file is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    Gzip,
    Zstandard,
}

impl Compression {
    /// By the end of a name or a path.
    pub fn of(name: &str) -> Option<Compression> {
        Compression::split(name).1
    }

    /// A name without the end that says how the file is compressed, and what that is.
    pub fn split(name: &str) -> (&str, Option<Compression>) {
        let ends = [
            (".gz", Compression::Gzip),
            (".gzip", Compression::Gzip),
            (".zst", Compression::Zstandard),
            (".zstd", Compression::Zstandard),
        ];
        let found = ends.into_iter().find_map(|(end, compression)| Some((name.strip_suffix(end)?, Some(compression))));
        found.unwrap_or((name, None))
    }
}

pub(super) enum Content {
    Plain(Arc<dyn File>),
    Compressed(Compressed),
}

impl Content {
    pub fn new(file: Arc<dyn File>, name: &str) -> Content {
        match Compression::of(name) {
            None => Content::Plain(file),
            Some(compression) => {
                Content::Compressed(Compressed { file, name: name.to_string(), compression, places: Vec::new() })
            }
        }
    }

    /// Fills as much of the buffer as there is from `offset` on. A compressed file that ends in the middle of its data
    /// has no more for now, or is damaged where `complete` says that it won't grow.
    pub fn read_at(&mut self, buffer: &mut [u8], offset: u64, complete: bool) -> Result<usize> {
        match self {
            Content::Plain(file) => Ok(file.read_at(buffer, offset)?),
            Content::Compressed(compressed) => compressed.read_at(buffer, offset, complete),
        }
    }

    /// Bytes of the file as it lies there.
    pub fn length(&self) -> Result<u64> {
        match self {
            Content::Plain(file) => Ok(file.length()?),
            Content::Compressed(compressed) => Ok(compressed.file.length()?),
        }
    }

    /// How many of those had to be there so that all before `offset` could be read.
    pub fn needed(&self, offset: u64) -> u64 {
        match self {
            Content::Plain(_) => offset,
            Content::Compressed(compressed) => {
                compressed.places.iter().map(|place| place.decoder.raw().offset).max().unwrap_or(0)
            }
        }
    }
}

pub(super) struct Compressed {
    file: Arc<dyn File>,
    name: String,
    compression: Compression,
    places: Vec<Place>,
}

/// A decoder and where it is.
struct Place {
    decoder: Decoder,
    /// Of the next byte that it will give.
    offset: u64,
    /// It will give no more.
    failed: Option<String>,
}

enum Decoder {
    Gzip(Box<MultiGzDecoder<BufReader<Raw>>>),
    Zstandard(Box<zstd::stream::read::Decoder<'static, BufReader<Raw>>>),
}

impl Decoder {
    fn new(compression: Compression, file: Arc<dyn File>) -> io::Result<Decoder> {
        let raw = BufReader::with_capacity(RAW_BYTES, Raw { file, offset: 0, complete: false });
        Ok(match compression {
            Compression::Gzip => Decoder::Gzip(Box::new(MultiGzDecoder::new(raw))),
            Compression::Zstandard => Decoder::Zstandard(Box::new(zstd::stream::read::Decoder::with_buffer(raw)?)),
        })
    }

    fn raw(&self) -> &Raw {
        match self {
            Decoder::Gzip(decoder) => decoder.get_ref().get_ref(),
            Decoder::Zstandard(decoder) => decoder.get_ref().get_ref(),
        }
    }

    fn raw_mut(&mut self) -> &mut Raw {
        match self {
            Decoder::Gzip(decoder) => decoder.get_mut().get_mut(),
            Decoder::Zstandard(decoder) => decoder.get_mut().get_mut(),
        }
    }

    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Decoder::Gzip(decoder) => decoder.read(buffer),
            Decoder::Zstandard(decoder) => decoder.read(buffer),
        }
    }
}

/// The file as it lies there. At its end it says "would block" for as long as it may grow: decoders then keep what
/// they have, and go on from there.
struct Raw {
    file: Arc<dyn File>,
    offset: u64,
    complete: bool,
}

impl Read for Raw {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let got = self.file.read_at(buffer, self.offset).map_err(|files::Error { source, .. }| source)?;
        self.offset += got as u64;
        match got {
            0 if !self.complete && !buffer.is_empty() => Err(io::ErrorKind::WouldBlock.into()),
            got => Ok(got),
        }
    }
}

impl Compressed {
    fn read_at(&mut self, buffer: &mut [u8], offset: u64, complete: bool) -> Result<usize> {
        let at = self.place(offset)?;
        let place = &mut self.places[at];
        place.decoder.raw_mut().complete = complete;
        let mut skipped = vec![0; (offset - place.offset).min(RAW_BYTES as u64) as usize];
        while place.offset < offset {
            let wanted = (offset - place.offset).min(skipped.len() as u64) as usize;
            if place.fill(&mut skipped[..wanted]).map_err(|failure| damaged(&self.name, failure))? == 0 {
                return Ok(0);
            }
        }
        place.fill(buffer).map_err(|failure| damaged(&self.name, failure))
    }

    /// The nearest place at or before an offset.
    fn place(&mut self, offset: u64) -> Result<usize> {
        let before = self.places.iter().enumerate().filter(|(_, place)| place.offset <= offset);
        if let Some((at, _)) = before.max_by_key(|(_, place)| place.offset) {
            return Ok(at);
        }
        let decoder = Decoder::new(self.compression, Arc::clone(&self.file))
            .map_err(|error| damaged(&self.name, (0, error.to_string())))?;
        let place = Place { decoder, offset: 0, failed: None };
        if self.places.len() == PLACES {
            self.places.remove(0);
        }
        self.places.push(place);
        Ok(self.places.len() - 1)
    }
}

fn damaged(name: &str, (offset, detail): (u64, String)) -> Error {
    Error::Compressed { file: name.to_string(), offset, detail }
}

impl Place {
    /// Fills the buffer as far as there is anything. What was read before a failure counts; then that comes again and
    /// again.
    fn fill(&mut self, buffer: &mut [u8]) -> std::result::Result<usize, (u64, String)> {
        let mut filled = 0;
        while filled < buffer.len() && self.failed.is_none() {
            match self.decoder.read(&mut buffer[filled..]) {
                Ok(0) => break,
                Ok(got) => {
                    filled += got;
                    self.offset += got as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                    self.failed = Some("it ends in the middle of its data".to_string());
                }
                Err(error) => self.failed = Some(error.to_string()),
            }
        }
        match &self.failed {
            Some(failure) if filled == 0 && !buffer.is_empty() => Err((self.offset, failure.clone())),
            _ => Ok(filled),
        }
    }
}
