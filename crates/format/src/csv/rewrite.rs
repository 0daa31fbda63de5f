//! Records of CSV files, which have a header of their own, into records of a stream.

use arrow_schema::Schema;

use super::split::{self, Field, Quotes, Splitter};
use crate::Format;
use crate::error::{Broken, Error};
use crate::json::names::{Names, Target};
use crate::records::RecordWriter;

/// Rewrites the records of one file.
pub struct Rewriter {
    splitter: Splitter,
    writer: RecordWriter,
    format: Format,
    /// For each column of the stream, its place in the file.
    places: Vec<Option<usize>>,
    unknown: Vec<String>,
    is_same: bool,
}

impl Rewriter {
    /// For a file with this header line. Names match columns exactly, else without regard to case where that is
    /// unique.
    pub fn new(header: &[u8], schema: &Schema, format: Format) -> Result<Rewriter, Error> {
        let header = read_header(header).map_err(|broken| Error::BrokenHeader(broken.row_error(header)))?;
        let names = Names::new(schema.fields().iter().map(|field| field.name().as_str()));
        let mut exact = vec![Vec::new(); schema.fields().len()];
        let mut folded = exact.clone();
        let mut unknown = Vec::new();
        for (place, name) in header.iter().enumerate() {
            match names.find(name) {
                Target::Exact(column) => exact[column as usize].push(place),
                Target::Folded(column) => folded[column as usize].push(place),
                Target::Unknown => unknown.push(name.clone()),
            }
        }
        let mut places = Vec::with_capacity(exact.len());
        for ((field, exact), folded) in schema.fields().iter().zip(&exact).zip(&folded) {
            let (found, passed_over) = if exact.is_empty() { (folded, &[][..]) } else { (exact, &folded[..]) };
            unknown.extend(passed_over.iter().map(|place| header[*place].clone()));
            places.push(match found[..] {
                [place] => Some(place),
                [] if field.is_nullable() => None,
                [] => return Err(Error::MissingColumn(field.name().clone())),
                [..] => return Err(Error::RepeatedColumn(field.name().clone())),
            });
        }
        let in_order = places.iter().enumerate().all(|(column, place)| *place == Some(column));
        Ok(Rewriter {
            is_same: format == Format::Csv && in_order && places.len() == header.len(),
            splitter: Splitter::new(header.len()),
            writer: RecordWriter::new(format, schema)?,
            format,
            places,
            unknown,
        })
    }

    /// True when the file's records are the stream's as they are.
    pub fn is_same(&self) -> bool {
        self.is_same
    }

    /// Names in the header that no column takes.
    pub fn unknown(&self) -> &[String] {
        &self.unknown
    }

    /// Replaces `out` with the stream's record. A broken record stays as it is, and is broken in the stream too.
    pub fn rewrite(&mut self, record: &[u8], out: &mut Vec<u8>) {
        out.clear();
        if self.is_same {
            return out.extend_from_slice(record);
        }
        match self.splitter.split(record) {
            Ok(()) => self.write(record, out),
            Err(_) => keep_broken(self.format, self.places.len(), record, out),
        }
    }

    fn write(&mut self, record: &[u8], out: &mut Vec<u8>) {
        let mut unquoted = String::new();
        for (column, place) in self.places.iter().enumerate() {
            let field = place.map(|place| self.splitter.field(place)).filter(|field| !field.is_null());
            match (field, self.format) {
                (None, Format::Json) => {}
                (None, Format::Csv) => self.writer.null(column, out),
                (Some(field), Format::Csv) => {
                    if column > 0 {
                        out.push(b',');
                    }
                    out.extend_from_slice(field.whole(record));
                }
                (Some(field), Format::Json) => {
                    let mut text = field.span.text(record);
                    if field.quotes == Quotes::Inside {
                        unquoted.clear();
                        split::unquote(text, &mut unquoted);
                        text = &unquoted;
                    }
                    self.writer.text(column, text, out);
                }
            }
        }
        self.writer.end(0, out);
    }
}

/// What is broken in its file could by chance be a record of the stream: then it is made to be none.
pub(crate) fn keep_broken(format: Format, columns: usize, record: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(record);
    let looks_right = match format {
        Format::Csv => Splitter::new(columns).split(record).is_ok(),
        Format::Json => record.trim_ascii_start().starts_with(b"{"),
    };
    if looks_right {
        out.extend_from_slice(b",\"");
    }
}

impl Field {
    fn is_null(&self) -> bool {
        self.quotes == Quotes::None && self.span.start == self.span.end
    }

    /// With its quotes.
    fn whole<'a>(&self, record: &'a [u8]) -> &'a [u8] {
        let quote = usize::from(self.quotes != Quotes::None);
        &record[self.span.start as usize - quote..self.span.end as usize + quote]
    }
}

fn read_header(header: &[u8]) -> Result<Vec<String>, Broken> {
    let mut splitter = Splitter::of_any_length();
    splitter.split(header)?;
    let name = |field: &Field| {
        let mut name = String::new();
        match field.quotes {
            Quotes::Inside => split::unquote(field.span.text(header), &mut name),
            _ => name.push_str(field.span.text(header)),
        }
        name.trim().to_string()
    };
    Ok(splitter.fields().iter().map(name).collect())
}
