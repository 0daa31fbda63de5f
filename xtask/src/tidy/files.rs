//! Rules about files as such: names, length, and the `//!` that opens each.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Result;

use super::{Tree, Violation};

const LINES_MAX: usize = 800;

/// A type lives with its owner, not in one of these.
const NOBODYS: [&str; 7] = ["types", "common", "util", "utils", "helper", "helpers", "misc"];

/// No drawer for odds and ends, and `foo.rs` beside `foo/`.
pub fn names(tree: &Tree) -> Result<Vec<Violation>> {
    let mut violations = Vec::new();
    for file in tree.rust() {
        let stem = file.path.file_stem().unwrap_or_default().to_string_lossy();
        let drawer = file.path.iter().find(|part| NOBODYS.contains(&part.to_string_lossy().as_ref()));
        if drawer.is_some() || NOBODYS.contains(&stem.as_ref()) {
            violations.push(Violation::at(&file.path, 1, "name it for what it holds, or move it to its owner"));
        }
        if stem == "mod" {
            let folder = file.path.parent().unwrap_or(&file.path);
            violations.push(Violation::at(&file.path, 1, format!("make it {}.rs", folder.display())));
        }
    }
    Ok(violations)
}

/// Source files end before line 800; tests may be longer.
pub fn length(tree: &Tree) -> Result<Vec<Violation>> {
    let long = tree.files.iter().filter(|file| {
        let code = file.path.extension().is_some_and(|e| ["rs", "py", "ts", "svelte"].iter().any(|ours| e == *ours));
        code && !file.is_test()
    });
    let counted = long.map(|file| (file, file.text.lines().count())).filter(|(_, lines)| *lines > LINES_MAX);
    Ok(counted
        .map(|(file, lines)| {
            let remedy = format!("{lines} lines, at most {LINES_MAX}: split it by what it does");
            Violation::at(&file.path, LINES_MAX + 1, remedy)
        })
        .collect())
}

/// Every source file opens with what it is, why it exists and what it must not do.
pub fn heads(tree: &Tree) -> Result<Vec<Violation>> {
    let silent = tree.rust().filter(|file| {
        let first = file.text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
        first.strip_prefix("//!").is_none_or(|said| said.trim().is_empty())
    });
    Ok(silent
        .map(|file| Violation::at(&file.path, 1, "open with `//!`: what it is, why, what it must not do"))
        .collect())
}

/// Each integration test binary links the engine once more, so a crate has one.
pub fn integration_tests(tree: &Tree) -> Result<Vec<Violation>> {
    let mut first: BTreeMap<&str, &Path> = BTreeMap::new();
    let mut violations = Vec::new();
    for file in tree.rust() {
        let parts: Vec<&str> = file.path.iter().filter_map(|part| part.to_str()).collect();
        let (["crates", room, "tests", _] | ["crates", room, "tests", _, "main.rs"]) = parts[..] else { continue };
        if let Some(other) = first.get(room) {
            violations.push(Violation::at(&file.path, 1, format!("make it a module of {}", other.display())));
        } else {
            first.insert(room, &file.path);
        }
    }
    Ok(violations)
}
