//! Which crate may use which: the table that keeps dependencies pointing down.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::Path;

use anyhow::{Context, Result};

use super::{File, Tree, Violation};

/// Everything on lower floors.
const ALL_BELOW: &[&str] = &["*"];

/// (floor, crate, what it may use). A crate that isn't here may not be.
const ROOMS: &[(u8, &str, &[&str])] = &[
    (0, "base", &[]),
    (1, "sql", &["base"]),
    (1, "log", &["base"]),
    (1, "format", &["base"]),
    (1, "lake", &["base"]),
    (1, "shop", &["base"]),
    (2, "catalog", &["base", "sql"]),
    // The shop for tests alone.
    (2, "experiment", &["base", "shop"]),
    (2, "learn", &["base"]),
    (3, "query", &["base", "sql", "log", "format", "lake", "catalog"]),
    (4, "quality", &["base", "sql", "query"]),
    (5, "stream", &["base", "sql", "log", "format", "lake", "query", "quality"]),
    (6, "connect", &["base", "log", "format", "lake", "shop", "stream"]),
    (6, "deploy", ALL_BELOW),
    (7, "gateway", ALL_BELOW),
    (8, "headwater", ALL_BELOW),
];

/// Outside crates that only some rooms may name.
const GUARDED: &[(&str, &[&str])] = &[
    ("deltalake", &["lake"]),
    ("datafusion", &["lake", "query", "quality", "stream", "deploy", "gateway", "headwater"]),
    ("kafka-protocol", &["connect", "gateway"]),
    ("rdkafka", &["connect"]),
    ("pgwire", &["gateway"]),
    ("tokio-postgres", &["connect", "gateway"]),
    ("anyhow", &["headwater"]),
];

/// The rooms that build in seconds.
const ENGINE_FREE: [&str; 6] = ["base", "sql", "log", "shop", "experiment", "learn"];

/// Each crate uses only what its line in the table names.
pub fn table(tree: &Tree) -> Result<Vec<Violation>> {
    let mut violations = Vec::new();
    for (name, file) in crates(tree) {
        let Some((floor, _, allowed)) = ROOMS.iter().find(|room| room.1 == name) else {
            let remedy = format!("crate {name} is not in the table of rooms (xtask/src/tidy/dependencies.rs)");
            violations.push(Violation::at(&file.path, 1, remedy));
            continue;
        };
        for (dependency, line, for_tests) in dependencies(file)? {
            let ours = dependency == "headwater" || dependency.starts_with("headwater-");
            if ours {
                let used = dependency.strip_prefix("headwater-").unwrap_or("headwater");
                if !may_use(*floor, allowed, used) {
                    let remedy =
                        format!("{name} may not use {used}: hand in what it needs from above, as a trait or a value");
                    violations.push(Violation::at(&file.path, line, remedy));
                }
            } else if let Some((_, rooms)) = GUARDED.iter().find(|(guarded, _)| *guarded == dependency)
                && !rooms.contains(&name)
                && !for_tests
            {
                let remedy = format!("{dependency} belongs to {}, not to {name}", rooms.join(", "));
                violations.push(Violation::at(&file.path, line, remedy));
            }
        }
    }
    Ok(violations)
}

/// `base`, `sql` and `log` reach no query engine, by any path through the lock file.
pub fn engine_free(tree: &Tree) -> Result<Vec<Violation>> {
    let lock = tree.get("Cargo.lock").context("no Cargo.lock: run `cargo generate-lockfile` and commit it")?;
    let packages: toml::Table = lock.text.parse().context("Cargo.lock does not parse")?;
    let mut uses: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for package in packages.get("package").and_then(|p| p.as_array()).into_iter().flatten() {
        let name = package.get("name").and_then(|n| n.as_str()).unwrap_or_default();
        let listed = package.get("dependencies").and_then(|d| d.as_array()).into_iter().flatten();
        // Entries are `name`, or `name version` where several versions are locked.
        let names = listed.filter_map(|d| d.as_str()).filter_map(|d| d.split(' ').next());
        uses.entry(name).or_default().extend(names);
    }
    let mut violations = Vec::new();
    for room in ENGINE_FREE {
        if let Some(path) = path_to_engine(&uses, &format!("headwater-{room}")) {
            let manifest = format!("crates/{room}/Cargo.toml");
            let remedy = format!("{room} reaches the query engine by {path}: cut it, {room} must build in seconds");
            violations.push(Violation::at(Path::new(&manifest), 1, remedy));
        }
    }
    Ok(violations)
}

/// Manifests take the workspace's lints, and package names follow folders.
pub fn manifests(tree: &Tree) -> Result<Vec<Violation>> {
    let mut violations = Vec::new();
    for (name, file) in crates(tree) {
        let manifest: toml::Table = file.text.parse().with_context(|| format!("{}", file.path.display()))?;
        let workspace_lints = manifest.get("lints").and_then(|l| l.get("workspace")).and_then(|w| w.as_bool());
        if workspace_lints != Some(true) {
            violations.push(Violation::at(&file.path, 1, "add `[lints] workspace = true`"));
        }
        let wanted = if name == "headwater" { name.to_string() } else { format!("headwater-{name}") };
        if manifest.get("package").and_then(|p| p.get("name")).and_then(|n| n.as_str()) != Some(&wanted) {
            violations.push(Violation::at(&file.path, 1, format!("name the package {wanted}")));
        }
    }
    Ok(violations)
}

fn may_use(floor: u8, allowed: &[&str], used: &str) -> bool {
    let below = ROOMS.iter().any(|room| room.1 == used && room.0 < floor);
    below && (allowed == ALL_BELOW || allowed.contains(&used))
}

fn crates(tree: &Tree) -> impl Iterator<Item = (&str, &File)> {
    tree.files.iter().filter_map(|file| {
        let name = file.path.to_str()?.strip_prefix("crates/")?.strip_suffix("/Cargo.toml")?;
        (!name.contains('/')).then_some((name, file))
    })
}

/// (name, line, only for tests) of each dependency in a manifest.
fn dependencies(file: &File) -> Result<Vec<(String, usize, bool)>> {
    let manifest: toml::Table = file.text.parse().with_context(|| format!("{}", file.path.display()))?;
    let mut found = Vec::new();
    collect(&manifest, &file.text, &mut found);
    for platform in manifest.get("target").and_then(|t| t.as_table()).into_iter().flat_map(|t| t.values()) {
        if let Some(sections) = platform.as_table() {
            collect(sections, &file.text, &mut found);
        }
    }
    Ok(found)
}

fn collect(sections: &toml::Table, text: &str, found: &mut Vec<(String, usize, bool)>) {
    for section in ["dependencies", "build-dependencies", "dev-dependencies"] {
        for (key, value) in sections.get(section).and_then(|s| s.as_table()).into_iter().flatten() {
            let renamed = value.get("package").and_then(|p| p.as_str());
            let line = text.lines().position(|line| line.trim_start().starts_with(key.as_str())).unwrap_or(0) + 1;
            found.push((renamed.unwrap_or(key).to_string(), line, section == "dev-dependencies"));
        }
    }
}

fn path_to_engine(uses: &BTreeMap<&str, Vec<&str>>, from: &str) -> Option<String> {
    let mut seen = BTreeSet::from([from.to_string()]);
    let mut queue = VecDeque::from([vec![from.to_string()]]);
    while let Some(path) = queue.pop_front() {
        let last = path.last().map(String::as_str).unwrap_or_default();
        if last.starts_with("datafusion") || last.starts_with("deltalake") {
            return Some(path.join(" → "));
        }
        for next in uses.get(last).into_iter().flatten() {
            if seen.insert(next.to_string()) {
                let mut longer = path.clone();
                longer.push(next.to_string());
                queue.push_back(longer);
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    fn tree(files: &[(&str, &str)]) -> Tree {
        let files = files.iter().map(|(path, text)| File { path: path.into(), text: text.to_string() }).collect();
        Tree { root: PathBuf::new(), files }
    }

    #[test]
    fn upward_and_sideways_uses_are_found() {
        let tree = tree(&[
            ("crates/log/Cargo.toml", "[dependencies]\nheadwater-base = \"1\"\nheadwater-lake = \"1\"\n"),
            ("crates/query/Cargo.toml", "[dev-dependencies]\nheadwater-stream = \"1\"\n"),
            ("crates/deploy/Cargo.toml", "[dependencies]\nheadwater-stream = \"1\"\nheadwater-connect = \"1\"\n"),
            ("crates/stream/Cargo.toml", "[dependencies]\ndelta = { package = \"deltalake\" }\n"),
        ]);
        let found: Vec<String> = table(&tree).unwrap().iter().map(Violation::to_string).collect();
        assert_eq!(found.len(), 4, "{found:?}");
        assert!(found[0].starts_with("crates/log/Cargo.toml:3: log may not use lake"));
        assert!(found[1].starts_with("crates/query/Cargo.toml:2: query may not use stream"));
        assert!(found[2].starts_with("crates/deploy/Cargo.toml:3: deploy may not use connect"));
        assert!(found[3].starts_with("crates/stream/Cargo.toml:2: deltalake belongs to lake"));
    }

    #[test]
    fn the_engine_is_found_at_any_depth() {
        let lock = "[[package]]\nname = \"headwater-log\"\ndependencies = [\"a 1.0\"]\n\
                    [[package]]\nname = \"a\"\ndependencies = [\"datafusion-common\"]\n";
        let found = engine_free(&tree(&[("Cargo.lock", lock)])).unwrap();
        assert_eq!(found.len(), 1);
        assert!(found[0].remedy.contains("headwater-log → a → datafusion-common"));
    }
}
