//! Values in CSV records: quoted where RFC 4180 needs it, and where text is empty, which would read back as NULL.

use crate::text::write;
use crate::value::{Kind, Value};

pub(crate) fn write_value(value: Value<'_>, kind: Kind, out: &mut Vec<u8>) {
    match value {
        Value::Text(text) => write_text(text.as_bytes(), out),
        // No bytes at all would read back as NULL.
        Value::Binary([]) => out.extend_from_slice(b"\"\""),
        value => write::plain(value, kind, out),
    }
}

fn write_text(text: &[u8], out: &mut Vec<u8>) {
    let special = |byte: &u8| matches!(byte, b'"' | b',' | b'\n' | b'\r');
    if !text.is_empty() && !text.iter().any(special) {
        return out.extend_from_slice(text);
    }
    out.push(b'"');
    let mut rest = text;
    while let Some(found) = memchr::memchr(b'"', rest) {
        out.extend_from_slice(&rest[..=found]);
        out.push(b'"');
        rest = &rest[found + 1..];
    }
    out.extend_from_slice(rest);
    out.push(b'"');
}
