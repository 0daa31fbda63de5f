//! `COPY … TO STDOUT` and `COPY … FROM STDIN`, with options in both spellings of PostgreSQL.

use sqlparser::tokenizer::Token;

use super::Reader;
use crate::ast::Parsed;
use crate::{Diagnostic, Diagnostics};

#[derive(Debug, Clone)]
pub struct Copy {
    pub subject: CopySubject,
    pub direction: Direction,
    pub format: CopyFormat,
}

#[derive(Debug, Clone)]
#[expect(clippy::large_enum_variant, reason = "there is one of it")]
pub enum CopySubject {
    Query(Parsed),
    /// Names are folded; without columns all of them are meant.
    Relation {
        name: Vec<String>,
        columns: Vec<String>,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// `TO STDOUT`
    Out,
    /// `FROM STDIN`
    In,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CopyFormat {
    Text { delimiter: u8, null: String, header: Header },
    Csv { delimiter: u8, null: String, header: Header, quote: u8, escape: u8 },
    Binary,
}

/// Whether the first line holds names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Header {
    #[default]
    No,
    Yes,
    /// They are those of the columns, or nothing is taken.
    Match,
}

pub(super) fn read(reader: &mut Reader<'_>) -> Result<Copy, Diagnostics> {
    reader.expect("COPY")?;
    let subject =
        if reader.next() == &Token::LParen { CopySubject::Query(reader.in_parentheses()?) } else { relation(reader)? };
    let direction = if reader.take(&["TO"]) {
        Direction::Out
    } else if reader.take(&["FROM"]) {
        Direction::In
    } else {
        return Err(reader.expected("TO STDOUT or FROM STDIN").into());
    };
    let place = if direction == Direction::Out { "STDOUT" } else { "STDIN" };
    if !reader.take(&[place]) {
        let refused = reader.expected(place);
        return Err(refused.with_hint("files of the server are not read or written; in psql, use \\copy").into());
    }
    if let (CopySubject::Query(_), Direction::In) = (&subject, direction) {
        return Err(reader.error("COPY FROM needs a stream, not a query").into());
    }
    let given = Given::read(reader)?;
    if given.header == Header::Match && direction == Direction::Out {
        return Err(reader.error("HEADER MATCH belongs to COPY FROM").into());
    }
    let format = given.format(reader)?;
    Ok(Copy { subject, direction, format })
}

fn relation(reader: &mut Reader<'_>) -> Result<CopySubject, Diagnostic> {
    let mut name = vec![reader.name("a relation, or a query in parentheses")?];
    while reader.take_token(&Token::Period) {
        name.push(reader.name("the rest of a relation's name")?);
    }
    let mut columns = Vec::new();
    if reader.take_token(&Token::LParen) {
        loop {
            columns.push(reader.name("a column")?);
            if reader.take_token(&Token::RParen) {
                break;
            }
            if !reader.take_token(&Token::Comma) {
                return Err(reader.expected(", or )"));
            }
        }
    }
    Ok(CopySubject::Relation { name, columns })
}

/// Options as given.
#[derive(Default)]
struct Given {
    format: Option<String>,
    delimiter: Option<u8>,
    null: Option<String>,
    header: Header,
    quote: Option<u8>,
    escape: Option<u8>,
}

impl Given {
    fn read(reader: &mut Reader<'_>) -> Result<Given, Diagnostic> {
        let mut given = Given::default();
        reader.take(&["WITH"]);
        if reader.take_token(&Token::LParen) {
            loop {
                given.option(reader)?;
                if reader.take_token(&Token::RParen) {
                    break;
                }
                if !reader.take_token(&Token::Comma) {
                    return Err(reader.expected(", or )"));
                }
            }
            reader.end()?;
            return Ok(given);
        }
        while !reader.at_end() {
            match reader.word().as_deref() {
                Some(format @ ("CSV" | "BINARY" | "TEXT")) => {
                    given.format = Some(format.to_ascii_lowercase());
                    reader.advance();
                }
                _ => {
                    given.option(reader)?;
                }
            }
        }
        Ok(given)
    }

    fn option(&mut self, reader: &mut Reader<'_>) -> Result<(), Diagnostic> {
        let word = reader.word().unwrap_or_default();
        let unknown = reader.expected("FORMAT, DELIMITER, NULL, HEADER, QUOTE, ESCAPE or ENCODING");
        if !["FORMAT", "DELIMITER", "NULL", "HEADER", "QUOTE", "ESCAPE", "ENCODING"].contains(&word.as_str()) {
            return Err(unknown);
        }
        reader.advance();
        reader.take(&["AS"]);
        match word.as_str() {
            "FORMAT" => {
                let format = text(reader)?.to_ascii_lowercase();
                if !["text", "csv", "binary"].contains(&format.as_str()) {
                    return Err(reader.error(format!("there is no COPY format {format}: text, csv or binary")));
                }
                self.format = Some(format);
            }
            "DELIMITER" => self.delimiter = Some(byte(reader)?),
            "NULL" => self.null = Some(text(reader)?),
            "QUOTE" => self.quote = Some(byte(reader)?),
            "ESCAPE" => self.escape = Some(byte(reader)?),
            "ENCODING" => {
                let encoding = text(reader)?;
                if !["utf8", "utf-8", "unicode"].contains(&encoding.to_ascii_lowercase().as_str()) {
                    return Err(reader.not_built(format!("encoding {encoding} is not built: texts are UTF-8")));
                }
            }
            _ => {
                self.header = Header::Yes;
                let (yes, no) = (Header::Yes, Header::No);
                for (word, header) in [("TRUE", yes), ("ON", yes), ("FALSE", no), ("OFF", no), ("MATCH", Header::Match)]
                {
                    if reader.take(&[word]) {
                        self.header = header;
                    }
                }
            }
        }
        Ok(())
    }

    fn format(self, reader: &Reader<'_>) -> Result<CopyFormat, Diagnostic> {
        let quoted = self.quote.is_some() || self.escape.is_some();
        Ok(match self.format.as_deref() {
            Some("binary") => {
                if quoted || self.delimiter.is_some() || self.null.is_some() || self.header != Header::No {
                    return Err(reader.error("COPY in binary format takes no other option"));
                }
                CopyFormat::Binary
            }
            Some("csv") => {
                let quote = self.quote.unwrap_or(b'"');
                CopyFormat::Csv {
                    delimiter: self.delimiter.unwrap_or(b','),
                    null: self.null.unwrap_or_default(),
                    header: self.header,
                    quote,
                    escape: self.escape.unwrap_or(quote),
                }
            }
            _ => {
                if quoted {
                    return Err(reader.error("QUOTE and ESCAPE belong to COPY in csv format"));
                }
                CopyFormat::Text {
                    delimiter: self.delimiter.unwrap_or(b'\t'),
                    null: self.null.unwrap_or_else(|| "\\N".to_owned()),
                    header: self.header,
                }
            }
        })
    }
}

fn text(reader: &mut Reader<'_>) -> Result<String, Diagnostic> {
    let text = match reader.next() {
        Token::SingleQuotedString(text) | Token::EscapedStringLiteral(text) => text.clone(),
        Token::Word(word) => word.value.clone(),
        _ => return Err(reader.expected("a value")),
    };
    reader.advance();
    Ok(text)
}

fn byte(reader: &mut Reader<'_>) -> Result<u8, Diagnostic> {
    let wrong = reader.error("this must be a single character of one byte, not a line end");
    match text(reader)?.as_bytes() {
        [byte] if !matches!(byte, b'\n' | b'\r') => Ok(*byte),
        _ => Err(wrong),
    }
}
