//! What the documentation shows is true: each block of SQL in `README.md` and `docs/` is run.
//!
//! A page has a node of its own, whose relations `docs/examples/prelude.sql` declares; its blocks are run there in their
//! order, statement by statement, each of which ends with a semicolon at the end of a line. The first line of a block
//! may say something else:
//!
//! - `-- refused: text`: its one statement is refused, with this text;
//! - `-- not run: reason`: it is shown only;
//! - `-- file: name.sql`: it is a file of a project that `headwater init` made, which is checked with it, and tested.
//!
//! Other languages (`text` for grammar and transcripts, `sh`) are not run, and no block is without a language.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::node::{self, Node, Project};

const LANGUAGES: [&str; 6] = ["sql", "sh", "text", "toml", "json", "python"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn docs() {
    let filter = std::env::var("DOCS_FILTER").unwrap_or_default();
    let mut pages = vec![node::root().join("README.md")];
    find(&node::root().join("docs"), &mut pages);
    pages.retain(|page| page.to_string_lossy().contains(&filter));
    pages.sort();
    assert!(!pages.is_empty(), "no page has {filter:?} in its path");
    let mut failures = Vec::new();
    for page in &pages {
        let shown = page.strip_prefix(node::root()).unwrap().display().to_string();
        let text = std::fs::read_to_string(page).unwrap();
        check_page(&shown, &text, &mut failures).await;
    }
    assert!(failures.is_empty(), "{} failures:\n\n{}", failures.len(), failures.join("\n\n"));
}

async fn check_page(page: &str, text: &str, failures: &mut Vec<String>) {
    let blocks = blocks(page, text, failures).into_iter().filter(|block| !matches!(block.kind, Kind::Shown));
    let (files, statements): (Vec<_>, Vec<_>) = blocks.partition(|block| matches!(block.kind, Kind::File(_)));
    check_files(&files, failures);
    if !statements.is_empty() {
        run(&statements, failures).await;
    }
}

fn find(folder: &Path, pages: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            find(&path, pages);
        } else if path.extension().is_some_and(|extension| extension == "md") {
            pages.push(path);
        }
    }
}

enum Kind {
    Run,
    Refused(String),
    File(String),
    Shown,
}

struct Block {
    kind: Kind,
    /// Page and line, for messages.
    place: String,
    text: String,
}

/// The blocks of SQL of a page.
fn blocks(page: &str, text: &str, failures: &mut Vec<String>) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut open: Option<(usize, &str, Vec<&str>)> = None;
    for (line, text) in (1..).zip(text.lines()) {
        let fence = text.trim_start().strip_prefix("```");
        open = match (open.take(), fence) {
            (None, None) => None,
            (None, Some(language)) => {
                let language = language.trim();
                if !LANGUAGES.contains(&language) {
                    failures.push(format!("{page}:{line}: a block of '{language}'; write one of {LANGUAGES:?}"));
                }
                Some((line, language, Vec::new()))
            }
            (Some((start, "sql", lines)), Some(_)) => {
                blocks.push(block(format!("{page}:{start}"), &lines));
                None
            }
            (Some(_), Some(_)) => None,
            (Some((start, language, mut lines)), None) => {
                lines.push(text);
                Some((start, language, lines))
            }
        };
    }
    blocks
}

fn block(place: String, lines: &[&str]) -> Block {
    let first = lines.first().copied().unwrap_or_default();
    let kind = match (first.strip_prefix("-- refused: "), first.strip_prefix("-- file: ")) {
        (Some(text), _) => Kind::Refused(text.to_owned()),
        (_, Some(name)) => Kind::File(name.to_owned()),
        _ if first.starts_with("-- not run: ") => Kind::Shown,
        _ => Kind::Run,
    };
    let body = if matches!(kind, Kind::Run) { lines } else { &lines[1..] };
    Block { kind, place, text: body.join("\n") + "\n" }
}

/// Statements end where a line ends with a semicolon.
fn statements(text: &str) -> Vec<String> {
    let mut statements = vec![String::new()];
    for line in text.lines() {
        if let Some(last) = statements.last_mut() {
            last.push_str(line);
            last.push('\n');
        }
        if line.trim_end().ends_with(';') {
            statements.push(String::new());
        }
    }
    let says = |line: &str| !line.trim().is_empty() && !line.trim_start().starts_with("--");
    statements.retain(|statement| statement.lines().any(says));
    statements
}

/// Files of a project, which is checked and tested after each of them.
fn check_files(files: &[Block], failures: &mut Vec<String>) {
    if files.is_empty() {
        return;
    }
    let project = Project::new();
    let made = project.ends(&["init", "shop"]);
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    for Block { kind, place, text } in files {
        let Kind::File(name) = kind else { continue };
        project.write(&format!("shop/{name}"), text);
        for command in ["check", "test"] {
            let done = project.ends(&[command, "shop"]);
            if !done.status.success() {
                let said = [done.stdout, done.stderr].concat();
                failures.push(format!("{place}: headwater {command}:\n{}", String::from_utf8_lossy(&said)));
                break;
            }
        }
    }
}

/// Runs a page's statements, after the prelude.
async fn run(blocks: &[Block], failures: &mut Vec<String>) {
    let examples = node::root().join("docs/examples");
    let project = Project::new();
    project.write("main.sql", "-- What there is, the page's statements declare.\n");
    std::fs::create_dir(project.path().join("data")).unwrap();
    for entry in std::fs::read_dir(examples.join("data")).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), project.path().join("data").join(entry.file_name())).unwrap();
    }
    let node = project.serve();
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let prelude = std::fs::read_to_string(examples.join("prelude.sql")).unwrap();
    for statement in statements(&prelude) {
        let told = ask(&client, &node, &statement).await;
        assert_eq!(told.err(), None, "docs/examples/prelude.sql: {statement}");
    }
    for Block { kind, place, text } in blocks {
        for statement in statements(text) {
            match (kind, ask(&client, &node, &statement).await) {
                (Kind::Refused(expected), Err(said)) if said.contains(expected.as_str()) => {}
                (Kind::Refused(expected), Err(said)) => {
                    failures
                        .push(format!("{place}: {statement}expected to be refused with:\n{expected}\nfound:\n{said}"));
                }
                (Kind::Refused(_), Ok(())) => failures.push(format!("{place}: {statement}was not refused")),
                (_, Err(said)) => failures.push(format!("{place}: {statement}{said}")),
                (_, Ok(())) => {}
            }
        }
    }
}

/// Why a statement was refused. A view that still goes through its history is asked again.
async fn ask(client: &reqwest::Client, node: &Node, statement: &str) -> Result<(), String> {
    let url = format!("http://{}/v1/sql", node.address);
    let mut said = String::new();
    for _ in 0..200 {
        let answer = client.post(&url).body(statement.to_owned()).send().await.map_err(|error| error.to_string())?;
        if answer.status().is_success() {
            return Ok(());
        }
        said = answer.text().await.map_err(|error| error.to_string())?;
        let failure: serde_json::Value = serde_json::from_str(&said).unwrap_or_default();
        let text = |field: &str| failure["error"][field].as_str().unwrap_or_default().to_owned();
        said = format!("{}\n{}", text("message"), text("hint"));
        if !said.contains("is being built") {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Err(said)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_that_is_not_true_is_found() {
    let page = "```sql\nSELECT count(*)\nFROM orders;\nSELECT nothing FROM orders;\n```\n\
                ```\nno language\n```\n\
                ```sql\n-- not run: shown only\nSELECT nothing;\n```\n\
                ```sql\n-- refused: there is no column nothing\nSELECT nothing FROM orders;\n```\n\
                ```sql\n-- refused: there is no column\nSELECT category FROM orders;\n```\n\
                ```sql\n-- file: broken.sql\nCREATE STREAM;\n```\n";
    let mut failures = Vec::new();
    check_page("page.md", page, &mut failures).await;
    let places: Vec<&str> = failures.iter().map(|failure| failure.split(": ").next().unwrap()).collect();
    assert_eq!(places, ["page.md:6", "page.md:21", "page.md:1", "page.md:17"], "{failures:#?}");
}
