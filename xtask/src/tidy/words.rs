//! Words that may not stand in the tree: leftovers of work, and places outside the project.

use anyhow::Result;

use super::source::occurrences;
use super::{Tree, Violation};

/// Unfinished work, spelled so that this file does not find itself.
const LEFTOVERS: [(&str, &str); 7] = [
    (concat!("todo", "!"), "finish it, or return an error that says what is missing"),
    (concat!("unimplemented", "!"), "finish it, or return an error that says what is missing"),
    (concat!("dbg", "!"), "remove it"),
    (concat!("FIX", "ME"), "mend it, or write down why it stays"),
    (concat!("XX", "X"), "mend it, or write down why it stays"),
    (concat!("HA", "CK"), "mend it, or write down why it stays"),
    (concat!("#[ig", "nore"), "a test runs or does not exist"),
];

/// Places that only one machine has. The folder of real data beside the project is an option that
/// the project names; nothing else of its surroundings is.
const OUTSIDE: [&str; 3] = [concat!("..", "/shared"), concat!("/wo", "rk/"), concat!("/ro", "ot/")];
const DATA: &str = concat!("..", "/shared/data");

pub fn leftovers(tree: &Tree) -> Result<Vec<Violation>> {
    let code = ["rs", "py", "sh", "ts", "svelte", "sql", "toml"];
    let mut violations = Vec::new();
    for file in tree.files.iter().filter(|f| f.path.extension().is_some_and(|e| code.iter().any(|c| e == *c))) {
        for (word, remedy) in LEFTOVERS {
            let found = occurrences(&file.text, word);
            violations.extend(found.map(|(line, _)| Violation::at(&file.path, line, format!("{word}: {remedy}"))));
        }
    }
    Ok(violations)
}

pub fn forbidden(tree: &Tree) -> Result<Vec<Violation>> {
    let mut violations = Vec::new();
    for file in tree.files.iter().filter(|file| !file.path.ends_with("Cargo.lock")) {
        for word in OUTSIDE {
            for (line, column) in occurrences(&file.text, word) {
                let text = file.text.lines().nth(line - 1).unwrap_or_default();
                let inside = text[..column].ends_with(|c: char| c.is_alphanumeric() || "._-".contains(c));
                if !inside && !text[column..].starts_with(DATA) {
                    let remedy = format!("{word} is no place that others have: take it as an argument or a setting");
                    violations.push(Violation::at(&file.path, line, remedy));
                }
            }
        }
    }
    Ok(violations)
}

#[cfg(test)]
mod tests {
    use super::super::File;
    use super::*;

    #[test]
    fn the_data_folder_may_be_named_and_nothing_else_outside() {
        let text = format!("let a = \"{DATA}/online_retail\";\nlet b = \"{}/peers\";\n", OUTSIDE[0]);
        let tree = Tree { root: "".into(), files: vec![File { path: "a.rs".into(), text }] };
        let found = forbidden(&tree).unwrap();
        assert_eq!(found.iter().map(|v| v.line).collect::<Vec<_>>(), [2]);
    }

    #[test]
    fn leftovers_are_found_with_their_line() {
        let text = format!("fn a() {{\n    {}()\n}}\n", LEFTOVERS[0].0);
        let tree = Tree { root: "".into(), files: vec![File { path: "a.rs".into(), text }] };
        assert_eq!(leftovers(&tree).unwrap()[0].line, 2);
    }
}
