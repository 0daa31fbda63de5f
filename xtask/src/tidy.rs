//! The house rules that a machine can check, each a function from the tree to what breaks it.
//!
//! `cargo xtask tidy` prints every violation; the tests below hold them in the test command.
//! A rule reads files only: it needs no build, no network and no git.

mod dependencies;
mod docs;
mod files;
mod functions;
mod source;
mod words;

use std::fmt;
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

use crate::shell;

/// One broken rule: where, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Violation {
    /// Relative to the workspace's root.
    pub file: PathBuf,
    pub line: usize,
    pub remedy: String,
}

impl Violation {
    fn at(file: &Path, line: usize, remedy: impl Into<String>) -> Violation {
        Violation { file: file.to_path_buf(), line, remedy: remedy.into() }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.file.display(), self.line, self.remedy)
    }
}

type Rule = fn(&Tree) -> Result<Vec<Violation>>;

const RULES: &[(&str, Rule)] = &[
    ("dependencies", dependencies::table),
    ("engine-free crates", dependencies::engine_free),
    ("manifests", dependencies::manifests),
    ("names of files and folders", files::names),
    ("length of files", files::length),
    ("heads of files", files::heads),
    ("integration tests", files::integration_tests),
    ("length of functions", functions::length),
    ("leftovers", words::leftovers),
    ("words", words::forbidden),
    ("names of items", functions::item_names),
    ("links", docs::links),
    ("index of pages", docs::index),
    ("set-up commands", docs::set_up_commands),
];

/// Prints every violation in the tree.
pub fn run() -> Result<()> {
    let tree = Tree::read(&shell::root())?;
    let mut broken = 0;
    for (name, rule) in RULES {
        let violations = rule(&tree)?;
        if !violations.is_empty() {
            println!("{name}:");
        }
        for violation in &violations {
            println!("  {violation}");
        }
        broken += violations.len();
    }
    if broken > 0 {
        bail!("tidy: {broken} to mend");
    }
    println!("tidy: {} rules hold over {} files", RULES.len(), tree.files.len());
    Ok(())
}

/// The project's own text files, read once.
pub struct Tree {
    pub root: PathBuf,
    pub files: Vec<File>,
}

pub struct File {
    /// Relative to the root.
    pub path: PathBuf,
    pub text: String,
}

impl Tree {
    /// Reads every text file below `root`, apart from build products and hidden folders that tools own.
    pub fn read(root: &Path) -> Result<Tree> {
        let mut files = Vec::new();
        read_below(root, Path::new(""), &mut files)?;
        files.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(Tree { root: root.to_path_buf(), files })
    }

    fn rust(&self) -> impl Iterator<Item = &File> {
        self.with_extension("rs")
    }

    fn with_extension<'a>(&'a self, extension: &'a str) -> impl Iterator<Item = &'a File> {
        self.files.iter().filter(move |file| file.path.extension().is_some_and(|e| e == extension))
    }

    fn get(&self, path: &str) -> Option<&File> {
        self.files.iter().find(|file| file.path == Path::new(path))
    }
}

impl File {
    /// Whether the whole file is test code.
    fn is_test(&self) -> bool {
        let name = self.path.file_name().unwrap_or_default();
        name == "tests.rs" || self.path.components().any(|part| part.as_os_str() == "tests")
    }
}

fn read_below(root: &Path, relative: &Path, files: &mut Vec<File>) -> Result<()> {
    const OURS: [&str; 2] = [".ci", ".cargo"];
    const NOT_OURS: [&str; 4] = ["target", "node_modules", "dist", "__pycache__"];
    const TEXT: [&str; 14] =
        ["rs", "toml", "md", "sql", "slt", "py", "sh", "ts", "js", "svelte", "css", "html", "lock", "txt"];
    for entry in std::fs::read_dir(root.join(relative))? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = relative.join(&name);
        if entry.file_type()?.is_dir() {
            let hidden = name.starts_with('.') && !OURS.contains(&name.as_str());
            if !hidden && !NOT_OURS.contains(&name.as_str()) {
                read_below(root, &path, files)?;
            }
            continue;
        }
        let extension = path.extension().map(|e| e.to_string_lossy().into_owned());
        if extension.is_none_or(|e| TEXT.contains(&e.as_str()))
            && let Ok(text) = std::fs::read_to_string(root.join(&path))
        {
            files.push(File { path, text });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holds(rule: Rule) {
        let tree = Tree::read(&shell::root()).unwrap();
        let violations = rule(&tree).unwrap();
        let listed: Vec<String> = violations.iter().map(Violation::to_string).collect();
        assert!(listed.is_empty(), "\n{}\n", listed.join("\n"));
    }

    #[test]
    fn crates_use_what_the_table_allows() {
        holds(dependencies::table);
    }

    #[test]
    fn base_sql_and_log_build_without_an_engine() {
        holds(dependencies::engine_free);
    }

    #[test]
    fn manifests_follow_the_workspace() {
        holds(dependencies::manifests);
    }

    #[test]
    fn files_and_folders_are_well_named() {
        holds(files::names);
    }

    #[test]
    fn files_are_short() {
        holds(files::length);
    }

    #[test]
    fn files_open_with_what_they_are() {
        holds(files::heads);
    }

    #[test]
    fn a_crate_has_one_integration_test_binary() {
        holds(files::integration_tests);
    }

    #[test]
    fn functions_are_short() {
        holds(functions::length);
    }

    #[test]
    fn items_are_well_named() {
        holds(functions::item_names);
    }

    #[test]
    fn nothing_is_left_over() {
        holds(words::leftovers);
    }

    #[test]
    fn texts_name_nothing_outside_the_project() {
        holds(words::forbidden);
    }

    #[test]
    fn links_resolve() {
        holds(docs::links);
    }

    #[test]
    fn every_page_is_in_the_index() {
        holds(docs::index);
    }

    #[test]
    fn readme_has_two_set_up_commands() {
        holds(docs::set_up_commands);
    }
}
