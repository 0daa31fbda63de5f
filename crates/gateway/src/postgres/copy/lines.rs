//! Lines of COPY in text and CSV out of bytes that come in any portions, and the fields of a line.
//!
//! A line end within quotes, or in text after a backslash, belongs to its field. `\.` alone ends the data.
//! Source: PostgreSQL 17 documentation, COPY, "File Formats".

use bytes::{Buf, BytesMut};

use super::ROW_BYTES_MAX;

/// How fields are told apart.
#[derive(Debug, Clone)]
pub enum Dialect {
    Text { delimiter: u8, null: Vec<u8> },
    Csv { delimiter: u8, null: Vec<u8>, quote: u8, escape: u8 },
}

/// What is wrong with a line.
pub type Wrong = &'static str;

/// The fields of one line, end to end in one buffer.
#[derive(Debug, Default)]
pub struct Fields {
    bytes: Vec<u8>,
    /// Where each ends; `None` is NULL.
    ends: Vec<(usize, bool)>,
}

impl Fields {
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    pub fn iter(&self) -> impl Iterator<Item = Option<&[u8]>> {
        let starts = std::iter::once(0).chain(self.ends.iter().map(|(end, _)| *end));
        starts.zip(&self.ends).map(|(start, (end, null))| (!null).then(|| &self.bytes[start..*end]))
    }

    fn clear(&mut self) {
        self.bytes.clear();
        self.ends.clear();
    }

    fn end(&mut self, null: bool) {
        self.ends.push((self.bytes.len(), null));
    }

    fn start(&self) -> usize {
        self.ends.last().map_or(0, |(end, _)| *end)
    }
}

/// Cuts bytes into lines.
#[derive(Debug)]
pub struct Lines {
    dialect: Dialect,
    buffer: BytesMut,
    /// How far the buffer was looked at.
    looked: usize,
    quoted: bool,
    /// The byte before was a backslash, or within quotes the escape, and gives the next one another meaning.
    escaped: bool,
    ended: bool,
}

impl Lines {
    pub fn new(dialect: Dialect) -> Lines {
        Lines { dialect, buffer: BytesMut::new(), looked: 0, quoted: false, escaped: false, ended: false }
    }

    pub fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// The next whole line, without its end. `last`: no more bytes will come.
    pub fn next(&mut self, last: bool) -> Result<Option<BytesMut>, Wrong> {
        if self.ended {
            let rest = self.buffer.iter().any(|byte| !matches!(byte, b'\n' | b'\r'));
            return if rest { Err("there is data after the end-of-data marker") } else { Ok(None) };
        }
        while self.looked < self.buffer.len() {
            let byte = self.buffer[self.looked];
            self.looked += 1;
            if byte == b'\n' && !self.quoted && !self.escaped {
                let mut line = self.buffer.split_to(self.looked);
                self.looked = 0;
                let end = if line.ends_with(b"\r\n") { 2 } else { 1 };
                line.truncate(line.len() - end);
                return self.line(line);
            }
            self.step(byte);
        }
        if self.looked > ROW_BYTES_MAX {
            return Err("the line is longer than 16 MiB");
        }
        if !last || self.buffer.is_empty() {
            return Ok(None);
        }
        if self.quoted {
            return Err("a quoted field does not end");
        }
        let mut line = self.buffer.split();
        self.looked = 0;
        if line.ends_with(b"\r") {
            line.truncate(line.len() - 1);
        }
        self.line(line)
    }

    fn line(&mut self, line: BytesMut) -> Result<Option<BytesMut>, Wrong> {
        if line.len() > ROW_BYTES_MAX {
            return Err("the line is longer than 16 MiB");
        }
        if line.chunk() == b"\\." {
            self.ended = true;
            return self.next(true);
        }
        Ok(Some(line))
    }

    fn step(&mut self, byte: u8) {
        match &self.dialect {
            Dialect::Text { .. } => self.escaped = byte == b'\\' && !self.escaped,
            Dialect::Csv { quote, escape, .. } => {
                if self.escaped {
                    self.escaped = false;
                    // An escape before anything else is a byte like others.
                    if byte == *quote || byte == *escape {
                        return;
                    }
                }
                if self.quoted && byte == *escape && escape != quote {
                    self.escaped = true;
                } else if byte == *quote {
                    self.quoted = !self.quoted;
                }
            }
        }
    }

    /// Reads the fields of a line.
    pub fn fields(&self, line: &[u8], fields: &mut Fields) -> Result<(), Wrong> {
        fields.clear();
        match &self.dialect {
            Dialect::Text { delimiter, null } => text(line, *delimiter, null, fields),
            Dialect::Csv { delimiter, null, quote, escape } => csv(line, *delimiter, null, *quote, *escape, fields),
        }
    }
}

fn text(line: &[u8], delimiter: u8, null: &[u8], fields: &mut Fields) -> Result<(), Wrong> {
    let (mut at, mut raw) = (0, 0);
    while at < line.len() {
        let byte = line[at];
        at += 1;
        if byte == delimiter {
            end_of_text(&line[raw..at - 1], null, fields);
            raw = at;
        } else if byte == b'\r' {
            return Err("there is a carriage return in the data; write it as \\r");
        } else if byte != b'\\' {
            fields.bytes.push(byte);
        } else if at == line.len() {
            fields.bytes.push(b'\\');
        } else {
            at = escape(line, at, &mut fields.bytes);
        }
    }
    end_of_text(&line[raw..], null, fields);
    Ok(())
}

/// Whether a field is NULL is told by it as it came.
fn end_of_text(raw: &[u8], null: &[u8], fields: &mut Fields) {
    let is_null = raw == null;
    if is_null {
        fields.bytes.truncate(fields.start());
    }
    fields.end(is_null);
}

/// What a backslash begins. Returns where it ends.
fn escape(line: &[u8], at: usize, out: &mut Vec<u8>) -> usize {
    let digits = |from: usize, most: usize, radix: u32| {
        let digits = line[from..].iter().take(most).map_while(|byte| char::from(*byte).to_digit(radix));
        digits.fold((from, 0), |(at, value), digit| (at + 1, value * radix + digit))
    };
    match line[at] {
        b'b' => out.push(8),
        b'f' => out.push(12),
        b'n' => out.push(b'\n'),
        b'r' => out.push(b'\r'),
        b't' => out.push(b'\t'),
        b'v' => out.push(11),
        b'0'..=b'7' => {
            let (end, value) = digits(at, 3, 8);
            // As PostgreSQL does, what does not fit into a byte loses its highest bit.
            out.push(value as u8);
            return end;
        }
        b'x' => {
            let (end, value) = digits(at + 1, 2, 16);
            out.push(if end == at + 1 { b'x' } else { value as u8 });
            return end;
        }
        other => out.push(other),
    }
    at + 1
}

fn csv(line: &[u8], delimiter: u8, null: &[u8], quote: u8, escape: u8, fields: &mut Fields) -> Result<(), Wrong> {
    let (mut at, mut quoted, mut was_quoted) = (0, false, false);
    let end = |was_quoted: &mut bool, fields: &mut Fields| {
        let is_null = !*was_quoted && &fields.bytes[fields.start()..] == null;
        if is_null {
            fields.bytes.truncate(fields.start());
        }
        fields.end(is_null);
        *was_quoted = false;
    };
    while at < line.len() {
        let byte = line[at];
        at += 1;
        if quoted {
            let next = line.get(at).copied();
            if byte == escape && next.is_some_and(|next| next == quote || next == escape) {
                fields.bytes.extend(next);
                at += 1;
            } else if byte == quote {
                quoted = false;
            } else {
                fields.bytes.push(byte);
            }
        } else if byte == delimiter {
            end(&mut was_quoted, fields);
        } else if byte == quote {
            (quoted, was_quoted) = (true, true);
        } else if byte == b'\r' {
            return Err("there is a carriage return outside of quotes");
        } else {
            fields.bytes.push(byte);
        }
    }
    end(&mut was_quoted, fields);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(dialect: &Dialect, data: &str, portion: usize) -> String {
        let mut lines = Lines::new(dialect.clone());
        let (mut fields, mut shown) = (Fields::default(), Vec::new());
        let mut portions = data.as_bytes().chunks(portion).peekable();
        loop {
            let bytes = portions.next();
            lines.push(bytes.unwrap_or_default());
            let last = bytes.is_none();
            loop {
                let line = match lines.next(last) {
                    Ok(Some(line)) => line,
                    Ok(None) => break,
                    Err(wrong) => return wrong.to_owned(),
                };
                if let Err(wrong) = lines.fields(&line, &mut fields) {
                    return wrong.to_owned();
                }
                let text = |field: &[u8]| String::from_utf8(field.to_vec()).unwrap();
                let row: Vec<String> = fields.iter().map(|field| field.map_or("NULL".into(), text)).collect();
                shown.push(row.join("|"));
            }
            if last {
                return shown.join(";");
            }
        }
    }

    #[test]
    fn text_is_cut_and_read_whatever_its_portions() {
        let dialect = Dialect::Text { delimiter: b'\t', null: b"\\N".to_vec() };
        let cases = [
            ("a\tb\n1\t2", "a|b;1|2"),
            ("\\N\t\\\\N\t\r\n", "NULL|\\N|"),
            ("a\\tb\tc\\nd\\\ne\n", "a\tb|c\nd\ne"),
            ("\\x41\\101\\q\\x\n", "AAqx"),
            ("a\n\\.\n", "a"),
            ("a\n\\.\nb\n", "there is data after the end-of-data marker"),
            ("a\rb\n", "there is a carriage return in the data; write it as \\r"),
            ("\n", ""),
        ];
        for (data, expected) in cases {
            for portion in [1, 2, 3, 100] {
                assert_eq!(read(&dialect, data, portion), expected, "{data:?} by {portion}");
            }
        }
    }

    #[test]
    fn csv_is_cut_and_read_whatever_its_portions() {
        let csv = |escape| Dialect::Csv { delimiter: b',', null: Vec::new(), quote: b'"', escape };
        let cases = [
            (b'"', "a,\"b,\"\"c\nd\"\r\n,\"\"\n", "a|b,\"c\nd;NULL|"),
            (b'"', "x\"y\"z\n", "xyz"),
            (b'"', "\"a\n", "a quoted field does not end"),
            (b'\\', "\"a\\\"b\\\\\",c\\d\n", "a\"b\\|c\\d"),
            (b'\\', "\"a\\nb\"\n", "a\\nb"),
            (b'"', "a\n\\.\n", "a"),
            (b'"', "a\rb\n", "there is a carriage return outside of quotes"),
        ];
        for (escape, data, expected) in cases {
            for portion in [1, 2, 3, 100] {
                assert_eq!(read(&csv(escape), data, portion), expected, "{data:?} by {portion}");
            }
        }
    }
}
