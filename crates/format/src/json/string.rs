//! JSON strings: their end, their escapes, and writing them.

use crate::error::{Broken, Refusal};

/// What a whole record has of what makes strings slow to read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Survey {
    /// There is a backslash or a byte below 0x20 somewhere.
    pub is_special: bool,
    pub is_ascii: bool,
}

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGHS: u64 = 0x8080_8080_8080_8080;

/// One pass without branches, in words that compilers put side by side in vectors. Source of the tests: Bit Twiddling
/// Hacks, "Determine if a word has a zero byte" and "… a byte less than n".
#[inline]
pub(crate) fn survey(record: &[u8]) -> Survey {
    let (blocks, rest) = record.as_chunks::<32>();
    let mut last = [b' '; 32];
    last[..rest.len()].copy_from_slice(rest);
    let mut special = [0u64; 4];
    let mut high = [0u64; 4];
    for block in blocks.iter().chain([&last]) {
        let (words, _) = block.as_chunks::<8>();
        for lane in 0..4 {
            let word = u64::from_le_bytes(words[lane]);
            let backslash = word ^ (ONES * b'\\' as u64);
            special[lane] |= (word.wrapping_sub(ONES * 0x20) & !word) | (backslash.wrapping_sub(ONES) & !backslash);
            high[lane] |= word;
        }
    }
    let any = |lanes: [u64; 4]| (lanes[0] | lanes[1] | lanes[2] | lanes[3]) & HIGHS != 0;
    Survey { is_special: any(special), is_ascii: !any(high) }
}

/// The position of the quote that ends a string without escapes, from `at` on.
#[inline]
pub(crate) fn plain_end(record: &[u8], at: usize) -> Option<usize> {
    // Most strings are short: two words are looked at before the search over vectors is worth its call.
    let rest = record.get(at..)?;
    if let Some(word) = rest.first_chunk::<8>()
        && let Some(found) = quote_in(*word)
    {
        return Some(at + found);
    }
    if let Some(word) = rest.get(8..).and_then(|rest| rest.first_chunk::<8>()) {
        if let Some(found) = quote_in(*word) {
            return Some(at + 8 + found);
        }
        return memchr::memchr(b'"', &rest[16..]).map(|found| at + 16 + found);
    }
    memchr::memchr(b'"', rest).map(|found| at + found)
}

/// The first quote of eight bytes. Source: "Determine if a word has a zero byte", Bit Twiddling Hacks; the lowest bit
/// that it finds is exact.
#[inline]
fn quote_in(word: [u8; 8]) -> Option<usize> {
    let zeros = u64::from_le_bytes(word) ^ (ONES * b'"' as u64);
    let found = zeros.wrapping_sub(ONES) & !zeros & HIGHS;
    (found != 0).then(|| (found.trailing_zeros() / 8) as usize)
}

/// The position of the quote that ends a string which may hold escapes, and whether it does. Checks all of them.
pub(crate) fn checked_end(record: &[u8], from: usize) -> Result<(usize, bool), Broken> {
    let mut at = from;
    let mut escaped = false;
    loop {
        match record.get(at) {
            None => return Err(Broken::new(const { &Refusal::syntax("a string does not end") }, from)),
            Some(b'"') => return Ok((at, escaped)),
            Some(b'\\') => {
                escaped = true;
                at = escape_end(record, at)?;
            }
            Some(0..0x20) => {
                return Err(Broken::new(
                    const { &Refusal::syntax("a control character in a string must be escaped") },
                    at,
                ));
            }
            Some(_) => at += 1,
        }
    }
}

/// The position after the escape that begins at `at`; a surrogate pair is one escape.
fn escape_end(record: &[u8], at: usize) -> Result<usize, Broken> {
    match record.get(at + 1) {
        Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => Ok(at + 2),
        Some(b'u') => {
            let unit = hex(record, at + 2)
                .ok_or(Broken::new(const { &Refusal::syntax("an escape \\u needs four hexadecimal digits") }, at))?;
            match unit {
                0xD800..0xDC00 => match (record.get(at + 6..at + 8), hex(record, at + 8)) {
                    (Some(b"\\u"), Some(0xDC00..0xE000)) => Ok(at + 12),
                    _ => Err(Broken::new(const { &Refusal::syntax("half of a surrogate pair") }, at)),
                },
                0xDC00..0xE000 => Err(Broken::new(const { &Refusal::syntax("half of a surrogate pair") }, at)),
                _ => Ok(at + 6),
            }
        }
        _ => Err(Broken::new(const { &Refusal::syntax("an unknown escape") }, at)),
    }
}

fn hex(record: &[u8], at: usize) -> Option<u32> {
    record.get(at..at + 4)?.iter().try_fold(0, |value, byte| Some(value * 16 + char::from(*byte).to_digit(16)?))
}

/// Appends what a string that [`checked_end`] has passed means.
pub(crate) fn unescape(string: &str, out: &mut String) {
    let mut rest = string;
    while let Some(found) = memchr::memchr(b'\\', rest.as_bytes()) {
        out.push_str(&rest[..found]);
        let escape = &rest.as_bytes()[found..];
        let (meaning, length) = match escape.get(1) {
            Some(b'b') => ('\u{8}', 2),
            Some(b'f') => ('\u{c}', 2),
            Some(b'n') => ('\n', 2),
            Some(b'r') => ('\r', 2),
            Some(b't') => ('\t', 2),
            Some(b'u') => unicode(escape),
            Some(other) => (char::from(*other), 2),
            None => ('\\', 1),
        };
        out.push(meaning);
        rest = &rest[found + length..];
    }
    out.push_str(rest);
}

/// The character of a `\u` escape and the escape's length. Source: RFC 8259, section 7.
fn unicode(escape: &[u8]) -> (char, usize) {
    let unit = hex(escape, 2).unwrap_or(0xFFFD);
    let (code, length) = match (unit, hex(escape, 8)) {
        (0xD800..0xDC00, Some(low @ 0xDC00..0xE000)) => (0x10000 + ((unit - 0xD800) << 10) + (low - 0xDC00), 12),
        _ => (unit, 6),
    };
    (char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER), length)
}

/// Appends a string with its quotes.
pub(crate) fn write(string: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    let mut rest = string.as_bytes();
    let special = |byte: &u8| *byte < 0x20 || matches!(byte, b'"' | b'\\');
    while let Some(found) = rest.iter().position(special) {
        out.extend_from_slice(&rest[..found]);
        match rest[found] {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            control => {
                const DIGITS: &[u8; 16] = b"0123456789abcdef";
                out.extend_from_slice(b"\\u00");
                out.push(DIGITS[usize::from(control >> 4)]);
                out.push(DIGITS[usize::from(control & 15)]);
            }
        }
        rest = &rest[found + 1..];
    }
    out.extend_from_slice(rest);
    out.push(b'"');
}
