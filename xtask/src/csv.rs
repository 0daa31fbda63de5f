//! Enough CSV to read what `headwater sql --format csv` prints.

/// Rows of fields; quoted fields may hold commas, doubled quotes and line ends.
pub fn parse(text: &str) -> Vec<Vec<String>> {
    let mut rows = Vec::new();
    let mut row = Vec::new();
    let mut field = String::new();
    let mut quoted = false;
    let mut characters = text.chars().peekable();
    while let Some(c) = characters.next() {
        match c {
            '"' if quoted && characters.peek() == Some(&'"') => {
                characters.next();
                field.push('"');
            }
            '"' => quoted = !quoted,
            ',' if !quoted => row.push(std::mem::take(&mut field)),
            '\r' if !quoted && characters.peek() == Some(&'\n') => {}
            '\n' if !quoted => {
                row.push(std::mem::take(&mut field));
                rows.push(std::mem::take(&mut row));
            }
            c => field.push(c),
        }
    }
    if !field.is_empty() || !row.is_empty() {
        row.push(field);
        rows.push(row);
    }
    rows
}

/// A decimal number without what doesn't change its value: `+1.50` and `1.5`, `-0` and `0`.
/// Text that is no plain decimal comes back as it is.
pub fn normal(number: &str) -> String {
    let (sign, digits) = match number.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", number.strip_prefix('+').unwrap_or(number)),
    };
    let plain = !digits.is_empty() && digits.chars().all(|c| c.is_ascii_digit() || c == '.');
    if !plain || digits.matches('.').count() > 1 {
        return number.to_string();
    }
    let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
    let (whole, part) = (whole.trim_start_matches('0'), part.trim_end_matches('0'));
    let whole = if whole.is_empty() { "0" } else { whole };
    match (whole, part) {
        ("0", "") => "0".to_string(),
        (_, "") => format!("{sign}{whole}"),
        _ => format!("{sign}{whole}.{part}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_commas_and_line_ends() {
        assert_eq!(parse("a,b\n1,\"x, \"\"y\"\"\n z\"\n"), [["a", "b"], ["1", "x, \"y\"\n z"]]);
        assert_eq!(parse("a\r\n,\r\n"), vec![vec!["a".to_string()], vec![String::new(), String::new()]]);
        assert_eq!(parse("last"), [["last"]]);
    }

    #[test]
    fn numbers_compare_by_value() {
        assert_eq!(normal("9747747.934000"), normal("9747747.934"));
        assert_eq!(normal("-00.50"), "-0.5");
        assert_eq!(normal("-0.00"), "0");
        assert_eq!(normal("EIRE"), "EIRE");
        assert_eq!(normal("2010-12-01"), "2010-12-01");
    }
}
