//! Finding words in text, with their line.

/// (line, column in bytes) of each place where `word` stands alone, not inside a longer name.
pub fn occurrences<'a>(text: &'a str, word: &'a str) -> impl Iterator<Item = (usize, usize)> + 'a {
    let edge = |c: Option<char>| c.is_none_or(|c| !c.is_alphanumeric() && c != '_');
    let open_start = !word.starts_with(char::is_alphanumeric);
    let open_end = !word.ends_with(char::is_alphanumeric);
    text.lines().enumerate().flat_map(move |(index, line)| {
        line.match_indices(word).filter_map(move |(at, _)| {
            let before = line[..at].chars().next_back();
            let after = line[at + word.len()..].chars().next();
            ((open_start || edge(before)) && (open_end || edge(after))).then_some((index + 1, at))
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_words() {
        let found: Vec<_> = occurrences("xab ab\nab_ ab(", "ab").collect();
        assert_eq!(found, [(1, 4), (2, 4)]);
        let found: Vec<_> = occurrences("a../b ../b", "../b").collect();
        assert_eq!(found, [(1, 1), (1, 6)]);
    }
}
