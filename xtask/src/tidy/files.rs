//! Rules about files as such: names, length, and the `//!` that opens each.

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
    let mut roots: Vec<_> =
        tree.rust().filter(|file| file.path.parent().is_some_and(|p| p.ends_with("tests"))).collect();
    roots.retain(|file| file.path.iter().count() == 4 && file.path.starts_with("crates"));
    let mut violations = Vec::new();
    for pair in roots.windows(2) {
        if pair[0].path.parent() == pair[1].path.parent() {
            let first = pair[0].path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            violations.push(Violation::at(&pair[1].path, 1, format!("make it a module below tests/{first}")));
        }
    }
    Ok(violations)
}
