//! Documentation keeps its promises: links lead somewhere, and the README needs two commands.

use std::path::{Component, Path, PathBuf};

use anyhow::Result;

use super::{Tree, Violation};

/// Relative links in Markdown lead to a file, and their anchors to a heading.
pub fn links(tree: &Tree) -> Result<Vec<Violation>> {
    let mut violations = Vec::new();
    for file in tree.with_extension("md") {
        for (line, target) in link_targets(&file.text) {
            if target.contains("://") || target.starts_with("mailto:") {
                continue;
            }
            let (path, anchor) = target.split_once('#').unwrap_or((&target, ""));
            let folder = file.path.parent().unwrap_or(Path::new(""));
            let wanted = if path.is_empty() { file.path.clone() } else { normal(&folder.join(path)) };
            let page = tree.files.iter().find(|f| f.path == wanted);
            if page.is_none() && !tree.root.join(&wanted).exists() {
                let remedy = format!("link to {target}: there is no {}", wanted.display());
                violations.push(Violation::at(&file.path, line, remedy));
            } else if !anchor.is_empty()
                && let Some(page) = page
                && !headings(&page.text).any(|heading| slug(heading) == anchor)
            {
                let remedy = format!("link to {target}: {} has no such heading", wanted.display());
                violations.push(Violation::at(&file.path, line, remedy));
            }
        }
    }
    Ok(violations)
}

/// Every page below `docs/` can be reached from its index.
pub fn index(tree: &Tree) -> Result<Vec<Violation>> {
    let mut reached = vec![PathBuf::from("docs/README.md")];
    let mut next = 0;
    while let Some(page) = reached.get(next).cloned() {
        next += 1;
        let Some(file) = tree.files.iter().find(|file| file.path == page) else { continue };
        let folder = page.parent().unwrap_or(Path::new(""));
        for (_, target) in link_targets(&file.text) {
            let linked = normal(&folder.join(target.split('#').next().unwrap_or_default()));
            if linked.starts_with("docs") && !reached.contains(&linked) {
                reached.push(linked);
            }
        }
    }
    let pages = tree.with_extension("md").filter(|file| file.path.starts_with("docs"));
    let lost = pages.filter(|file| !reached.contains(&file.path));
    Ok(lost
        .map(|file| Violation::at(&file.path, 1, "link it from docs/README.md or a page that is linked there"))
        .collect())
}

/// The README's shell blocks hold exactly two commands: one runs the main job, one passes the tests.
/// Transcripts stand in blocks of other languages.
pub fn set_up_commands(tree: &Tree) -> Result<Vec<Violation>> {
    let path = Path::new("README.md");
    let Some(readme) = tree.get("README.md") else {
        return Ok(vec![Violation::at(path, 1, "write the README")]);
    };
    let mut commands = Vec::new();
    let mut block = None;
    for (index, line) in readme.text.lines().enumerate() {
        match (block, line.trim().strip_prefix("```")) {
            (None, Some(language)) => block = Some(language.trim()),
            (Some(_), Some(_)) => block = None,
            (Some("sh" | "bash" | "shell"), None) if !line.trim().is_empty() => commands.push((index + 1, line.trim())),
            _ => {}
        }
    }
    let shown: Vec<&str> = commands.iter().map(|(_, command)| *command).collect();
    if let [run, test] = shown[..]
        && run.starts_with("cargo run --release -- run ")
        && test == "cargo xtask ci"
    {
        return Ok(Vec::new());
    }
    let line = commands.get(2).map_or(1, |(line, _)| *line);
    let remedy = format!(
        "exactly two commands in `sh` blocks, one that runs the main job and `cargo xtask ci`, found {shown:?}; \
         put transcripts in `text` blocks"
    );
    Ok(vec![Violation::at(path, line, remedy)])
}

/// (line, target) of each inline link outside code.
fn link_targets(text: &str) -> Vec<(usize, String)> {
    let mut targets = Vec::new();
    let mut fenced = false;
    for (index, line) in text.lines().enumerate() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        }
        if fenced {
            continue;
        }
        // Every second piece between backquotes is code.
        for plain in line.split('`').step_by(2) {
            let ends = plain.match_indices("](").map(|(at, _)| &plain[at + 2..]);
            targets.extend(
                ends.filter_map(|rest| rest.split_once(')')).map(|(target, _)| (index + 1, target.to_string())),
            );
        }
    }
    targets
}

fn headings(text: &str) -> impl Iterator<Item = &str> {
    text.lines().filter(|line| line.starts_with('#')).map(|line| line.trim_start_matches('#').trim())
}

/// A heading's anchor, as forges make it.
fn slug(heading: &str) -> String {
    let kept = heading.to_lowercase().replace(' ', "-");
    kept.chars().filter(|c| c.is_alphanumeric() || *c == '-' || *c == '_').collect()
}

fn normal(path: &Path) -> PathBuf {
    let mut clean = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir if clean.file_name().is_some() => {
                clean.pop();
            }
            Component::CurDir => {}
            part => clean.push(part),
        }
    }
    clean
}

#[cfg(test)]
mod tests {
    use super::super::File;
    use super::*;

    fn tree(text: &str) -> Tree {
        let file = File { path: "README.md".into(), text: text.to_string() };
        Tree { root: crate::shell::root(), files: vec![file] }
    }

    #[test]
    fn dead_links_and_anchors_are_found() {
        let tree =
            tree("# One thing\n[a](Cargo.toml) [b](nowhere.md) `[c](x)` [d](#one-thing)\n[e](#two) [f](https://x)\n");
        let found: Vec<usize> = links(&tree).unwrap().iter().map(|v| v.line).collect();
        assert_eq!(found, [2, 3]);
    }

    #[test]
    fn pages_that_nobody_links_are_found() {
        let file = |path: &str, text: &str| File { path: path.into(), text: text.to_string() };
        let files = vec![
            file("docs/README.md", "[a](sql/a.md)"),
            file("docs/sql/a.md", "[b](b.md#x)"),
            file("docs/sql/b.md", ""),
            file("docs/sql/c.md", ""),
        ];
        let found = index(&Tree { root: PathBuf::new(), files }).unwrap();
        assert_eq!(found.iter().map(|v| v.file.to_str().unwrap()).collect::<Vec<_>>(), ["docs/sql/c.md"]);
    }

    #[test]
    fn a_third_command_is_one_too_many() {
        let two = "```sh\ncargo run --release -- run examples/retail\n```\n```sh\ncargo xtask ci\n```\n";
        assert!(set_up_commands(&tree(two)).unwrap().is_empty());
        let three = format!("{two}```sh\nmake\n```\n");
        assert_eq!(set_up_commands(&tree(&three)).unwrap()[0].line, 8);
    }
}
