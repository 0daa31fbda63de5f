//! Objects and arrays within a record: checked to the last byte and passed over.
//!
//! Nothing recurses, so that nesting can't exhaust the stack; past 127 levels a record is refused.

use super::scan::{number, space_end, string_end, word};
use super::string;
use crate::error::{Broken, Refusal};

/// As serde_json and others have it.
const DEPTH_MAX: u32 = 127;

/// The end of a value that is no container.
fn scalar_end(record: &[u8], at: usize, special: bool) -> Result<usize, Broken> {
    match record.get(at) {
        Some(b'"') => Ok(string_end(record, at + 1, special)?.0 + 1),
        Some(b'-' | b'0'..=b'9') => Ok(number(record, at)?.2),
        _ => Ok(word(record, at)?.1),
    }
}

/// The end of an object or array that begins at a position. A bit a level says whether it is an object.
pub(super) fn container_end(record: &[u8], from: usize, special: bool) -> Result<usize, Broken> {
    let mut levels = 0u128;
    // The record's own object is the first level.
    let mut depth = 1;
    let mut at = from;
    loop {
        // Here a value is expected.
        at = space_end(record, at);
        if let Some(&open @ (b'{' | b'[')) = record.get(at) {
            depth += 1;
            if depth > DEPTH_MAX {
                return Err(Broken::new(const { &Refusal::syntax("nested too deeply") }, at));
            }
            levels = levels << 1 | u128::from(open == b'{');
            at = space_end(record, at + 1);
            let close = if open == b'{' { b'}' } else { b']' };
            if record.get(at) != Some(&close) {
                if open == b'{' {
                    at = name_end(record, at)?;
                }
                continue;
            }
        } else {
            at = scalar_end(record, at, special)?;
            at = space_end(record, at);
        }
        // Here a value has ended, or the one just opened is to be closed: close as many as end here.
        loop {
            let in_object = levels & 1 == 1;
            match record.get(at) {
                Some(b'}') if in_object => {}
                Some(b']') if !in_object => {}
                Some(b',') => break,
                _ => {
                    return Err(Broken::new(
                        const { &Refusal::syntax("expected ',' or the end of an object or array") },
                        at,
                    ));
                }
            }
            levels >>= 1;
            depth -= 1;
            at += 1;
            if depth == 1 {
                return Ok(at);
            }
            at = space_end(record, at);
        }
        at = space_end(record, at + 1);
        if levels & 1 == 1 {
            at = name_end(record, at)?;
        }
    }
}

/// Where the value begins that a name inside a nested object stands before.
fn name_end(record: &[u8], at: usize) -> Result<usize, Broken> {
    if record.get(at) != Some(&b'"') {
        return Err(Broken::new(const { &Refusal::syntax("expected a field's name in quotes") }, at));
    }
    let (end, _) = string::checked_end(record, at + 1)?;
    let colon = space_end(record, end + 1);
    if record.get(colon) != Some(&b':') {
        return Err(Broken::new(const { &Refusal::syntax("expected ':'") }, colon));
    }
    Ok(colon + 1)
}
