//! Models as bytes, each kind with its encoder: `docs/formats/models.md` draws them.
//!
//! Whoever reads gets the very model that was written, or an error: bytes that are damaged, cut off or of a newer
//! program are refused, and none makes a reader panic or take more memory than they could fill.

mod bytes;
mod parts;

use crate::factorization::Factorization;
use crate::model::Model;
use crate::random_cut::Forest;
use crate::{Error, Result};

use bytes::{Reader, Writer};

const MAGIC: [u8; 4] = *b"HWML";
/// Goes up with any change of the bytes; what is older is still read.
const FORMAT: u16 = 1;
/// Magic, format, kind, length.
const HEAD: usize = 16;
const CHECKSUM: usize = 4;

/// A kept model.
#[derive(Debug, Clone, PartialEq)]
pub enum Stored {
    Model(Model),
    Factorization(Factorization),
    Forest(Forest),
}

impl Stored {
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut body = Writer::default();
        let kind: u16 = match self {
            Stored::Model(model) => {
                parts::write_model(&mut body, model);
                1
            }
            Stored::Factorization(model) => {
                parts::write_factorization(&mut body, model);
                2
            }
            Stored::Forest(forest) => {
                parts::write_forest(&mut body, forest);
                3
            }
        };
        let body = body.into_bytes();
        let mut all = Vec::with_capacity(HEAD + body.len() + CHECKSUM);
        all.extend_from_slice(&MAGIC);
        all.extend_from_slice(&FORMAT.to_le_bytes());
        all.extend_from_slice(&kind.to_le_bytes());
        all.extend_from_slice(&(body.len() as u64).to_le_bytes());
        all.extend_from_slice(&body);
        let checksum = crc32c::crc32c(&all);
        all.extend_from_slice(&checksum.to_le_bytes());
        all
    }

    pub fn from_bytes(bytes: &[u8]) -> Result<Stored> {
        let damaged = |at: usize, problem: &str| Error::Damaged { at, problem: problem.into() };
        if bytes.get(..4) != Some(&MAGIC[..]) {
            return Err(damaged(0, "it does not begin as a model does"));
        }
        let mut head = Reader::new(bytes);
        head.skip(4)?;
        let format = head.u16()?;
        // Said before the checksum is looked at: where it stands may be another thing in a later format.
        if format > FORMAT {
            return Err(Error::Newer { found: format, known: FORMAT });
        }
        let (kind, length) = (head.u16()?, head.u64()?);
        let body_end = usize::try_from(length).ok().and_then(|length| length.checked_add(HEAD));
        let whole = body_end.and_then(|end| end.checked_add(CHECKSUM)) == Some(bytes.len());
        let (Some(body_end), true) = (body_end, whole && format == FORMAT) else {
            return Err(damaged(8, "its length is not the one that it says"));
        };
        let mut checksum = Reader::new(bytes);
        checksum.skip(body_end)?;
        if checksum.u32()? != crc32c::crc32c(&bytes[..body_end]) {
            return Err(damaged(body_end, "the checksum does not match"));
        }
        let mut body = Reader::new(&bytes[..body_end]);
        body.skip(HEAD)?;
        let stored = match kind {
            1 => Stored::Model(parts::read_model(&mut body)?),
            2 => Stored::Factorization(parts::read_factorization(&mut body)?),
            3 => Stored::Forest(parts::read_forest(&mut body)?),
            other => return Err(damaged(6, &format!("there is no kind {other}"))),
        };
        body.end()?;
        Ok(stored)
    }
}

#[cfg(test)]
mod tests;
