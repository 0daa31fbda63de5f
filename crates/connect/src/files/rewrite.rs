//! Records of a file in the format and column order of the stream.

use std::path::Path;
use std::sync::Arc;

use arrow::datatypes::{Field, Schema};
use headwater_base::ErrorKind;
use headwater_format::{Decoder, Encoded, Encoder, Format, decoder, encoder};
use headwater_stream::source::Result;

use super::header::{self, Header};
use crate::{Target, error};

/// Turns one record at a time. What can't be turned stays as it is and becomes a dead letter.
pub struct Rewrite {
    how: How,
    header: Option<Header>,
    out: Vec<u8>,
    encoded: Encoded,
}

enum How {
    Same,
    /// CSV with other columns or another order.
    Reorder,
    /// CSV, in the stream's order, to another format.
    Convert { decoder: Box<dyn Decoder>, encoder: Box<dyn Encoder> },
}

impl Rewrite {
    /// `header` is the file's first line; without one the file has no records.
    pub fn new(target: &Target, header: Option<&[u8]>, path: &Path) -> Result<Rewrite> {
        let header = header.map(|line| header::read(line, &target.schema, path)).transpose()?;
        let how = match (&header, target.format) {
            (None, _) => How::Same,
            (Some(header), Format::Csv) if header.is_same() => How::Same,
            (Some(_), Format::Csv) => How::Reorder,
            (Some(_), format) => {
                let failed = |wrong: headwater_format::Error| error(ErrorKind::Invalid, wrong.to_string(), "");
                // What is missing in the file is null here, and decided on where the stream is decoded.
                let fields: Vec<Field> =
                    target.schema.fields().iter().map(|field| field.as_ref().clone().with_nullable(true)).collect();
                let schema = Arc::new(Schema::new(fields));
                How::Convert {
                    decoder: decoder(Format::Csv, Arc::clone(&schema), None).map_err(failed)?,
                    encoder: encoder(format, schema).map_err(failed)?,
                }
            }
        };
        Ok(Rewrite { how, header, out: Vec::new(), encoded: Encoded::default() })
    }

    /// What people should know of the file.
    pub fn note(&self) -> Option<String> {
        let unknown = &self.header.as_ref()?.unknown;
        (!unknown.is_empty()).then(|| format!("columns that the stream has not are ignored: {}", unknown.join(", ")))
    }

    /// The record for the stream.
    pub fn record<'a>(&'a mut self, record: &'a [u8]) -> &'a [u8] {
        let Some(header) = self.header.as_ref().filter(|_| !matches!(self.how, How::Same)) else { return record };
        let fields = header::split(record);
        if fields.len() != header.fields {
            return record;
        }
        self.out.clear();
        for (index, column) in header.columns.iter().enumerate() {
            if index > 0 {
                self.out.push(b',');
            }
            self.out.extend_from_slice(column.map_or(&[][..], |column| fields[column]));
        }
        match &mut self.how {
            How::Same | How::Reorder => &self.out,
            How::Convert { decoder, encoder } => {
                if decoder.push(&self.out).is_err() {
                    return record;
                }
                match encoder.encode(&decoder.finish(), &mut self.encoded) {
                    Ok(()) => self.encoded.record(0),
                    Err(_) => record,
                }
            }
        }
    }
}
