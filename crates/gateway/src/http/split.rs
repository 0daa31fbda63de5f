//! A body taken apart into the texts of its rows, which are checked later, one by one.

/// The lines of a body that are not blank.
pub fn lines(body: &[u8]) -> Vec<&[u8]> {
    body.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii).filter(|line| !line.is_empty()).collect()
}

/// The elements of an array, or the one value that is there. The error says what is wrong with the array itself.
pub fn values(body: &[u8]) -> Result<Vec<&[u8]>, String> {
    let body = body.trim_ascii();
    let Some(inner) = body.strip_prefix(b"[") else {
        return if body.is_empty() { Err("the body is empty".to_owned()) } else { Ok(vec![body]) };
    };
    let Some(inner) = inner.strip_suffix(b"]") else {
        return Err("the array is not closed at the end of the body".to_owned());
    };
    if inner.trim_ascii().is_empty() {
        return Ok(Vec::new());
    }
    elements(inner)
}

fn elements(inner: &[u8]) -> Result<Vec<&[u8]>, String> {
    let (mut found, mut start, mut depth) = (Vec::new(), 0, 0_usize);
    let (mut quoted, mut escaped) = (false, false);
    for (at, byte) in inner.iter().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            _ if quoted => {}
            b'[' | b'{' => depth += 1,
            b']' | b'}' => {
                depth = depth.checked_sub(1).ok_or_else(|| format!("byte {} closes what was not opened", at + 1))?;
            }
            b',' if depth == 0 => {
                found.push(inner[start..at].trim_ascii());
                start = at + 1;
            }
            _ => {}
        }
    }
    if quoted || depth > 0 {
        return Err("the last element of the array is not complete".to_owned());
    }
    found.push(inner[start..].trim_ascii());
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_are_taken_apart_at_their_own_commas() {
        let cases: &[(&str, Result<&[&str], &str>)] = &[
            ("[]", Ok(&[])),
            (" [ ] ", Ok(&[])),
            ("{\"a\":1}", Ok(&["{\"a\":1}"])),
            ("[{\"a\":[1,2]}, {\"b\":\"],\\\"[\"}]", Ok(&["{\"a\":[1,2]}", "{\"b\":\"],\\\"[\"}"])),
            ("[1,,2]", Ok(&["1", "", "2"])),
            ("[1,]", Ok(&["1", ""])),
            ("", Err("the body is empty")),
            ("[1", Err("the array is not closed at the end of the body")),
            ("[1][2]", Err("byte 2 closes what was not opened")),
            ("[{\"a\":1]", Err("the last element of the array is not complete")),
        ];
        for (body, expected) in cases {
            let found = values(body.as_bytes());
            let expected: Result<Vec<&[u8]>, String> = match expected {
                Ok(each) => Ok(each.iter().map(|text| text.as_bytes()).collect()),
                Err(message) => Err((*message).to_owned()),
            };
            assert_eq!(found, expected, "{body}");
        }
    }

    #[test]
    fn blank_lines_are_no_rows() {
        assert_eq!(lines(b"{}\r\n\n  \n{}"), [b"{}", b"{}"]);
    }
}
