//! Names of objects.

use sqlparser::tokenizer::Token;

use super::Cursor;
use crate::Result;
use crate::ast::Name;

/// Kafka's bound (org.apache.kafka.common.internals.Topic): a stream is a topic.
const NAME_BYTES_MAX: usize = 249;

/// A relation's rows lie in folders of its name, where a byte that is not plain takes three and a generation's number
/// follows; file systems take 255 bytes, and libraries put something before or after.
const FOLDER_BYTES_MAX: usize = 190;

/// The name of a stream, source, view or whatever else is declared: in any script, with anything in it that can be seen.
pub(super) fn object(cursor: &mut Cursor<'_>, what: &str) -> Result<Name> {
    let name = one_part(cursor, what)?;
    let refuse = |detail: &str| {
        let refused = cursor.error(name.span, format!("\"{}\" can't be the name of {what}", name.value.escape_debug()));
        Err(refused.with_detail(detail))
    };
    if name.value.is_empty() {
        return refuse("it is empty");
    }
    if matches!(name.value.as_str(), "." | "..") {
        return refuse("it means a folder");
    }
    if name.value.trim() != name.value {
        return refuse("it begins or ends with a space");
    }
    // A tilde stands between a name and the number of its store; the others can't be seen, or turn what is around them.
    if name.value.contains(|c: char| c == '~' || c.is_control() || is_invisible(c)) {
        return refuse("a name has no '~', and no characters that control text or can't be seen");
    }
    let bytes: usize = name.value.bytes().map(|byte| if is_plain(byte) { 1 } else { 3 }).sum();
    if name.value.len() > NAME_BYTES_MAX || (bytes > name.value.len() && bytes > FOLDER_BYTES_MAX) {
        let detail = format!(
            "it is too long: a name has up to {NAME_BYTES_MAX} letters a to z, digits, '.', '_' and '-'; with others in \
             it, at most {FOLDER_BYTES_MAX} bytes, of which those of others count three each"
        );
        return refuse(&detail);
    }
    Ok(name)
}

/// The name of a user: clients send it in headers and messages where other characters divide.
pub(super) fn user(cursor: &mut Cursor<'_>) -> Result<Name> {
    let name = one_part(cursor, "the user")?;
    if name.value.is_empty() || !name.value.bytes().all(is_plain) || name.value.len() > NAME_BYTES_MAX {
        let refused =
            cursor.error(name.span, format!("\"{}\" can't be the name of the user", name.value.escape_debug()));
        let detail = format!("a user's name has up to {NAME_BYTES_MAX} letters (a to z), digits, '.', '_' and '-'");
        return Err(refused.with_detail(detail));
    }
    Ok(name)
}

fn one_part(cursor: &mut Cursor<'_>, what: &str) -> Result<Name> {
    let name = cursor.name(&format!("the name of {what}"))?;
    if cursor.next() == &Token::Period {
        let refused = cursor.error(name.span, format!("the name of {what} has one part"));
        return Err(refused.with_hint("a name with a dot in it must be quoted"));
    }
    Ok(name)
}

fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-')
}

/// Separators of lines and paragraphs, marks of direction, spaces of no width. Joiners stay: scripts need them.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}
