//! A project as its folder has it: the SQL files and `headwater.toml`.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use headwater_base::files::{self, Files};
use headwater_sql::ast::ProjectTest;
use headwater_sql::{Diagnostics, Parsed, SourceText, Template, parse_project_tests, parse_template_with_recovery};
use serde::Deserialize;

use crate::{Error, Result};

/// The file with a project's settings and node options.
const CONFIGURATION: &str = "headwater.toml";

/// Folders deeper than this hold no statements of the project.
const DEPTH_MAX: usize = 16;

/// A project, read and parsed.
#[derive(Debug)]
pub struct Project {
    pub root: PathBuf,
    pub configuration: Configuration,
    /// The statements of all files, in the order of the files' paths.
    pub statements: Vec<Parsed>,
}

/// `headwater.toml`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Configuration {
    /// Values for `${name}`.
    pub settings: BTreeMap<String, toml::Value>,
    pub node: Node,
    pub storage: Storage,
    /// How many runs of a pool go on at a time.
    pub pools: BTreeMap<String, NonZeroUsize>,
}

/// Where catalog, checkpoints and lake live, when that is not the data folder.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Storage {
    /// `s3://bucket/prefix`.
    pub url: Option<String>,
    pub region: Option<String>,
    /// Of a server that is not Amazon's.
    pub endpoint: Option<String>,
}

/// Options of `headwater run` that a project may fix; the command line and the environment come before them.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Node {
    pub data_dir: Option<PathBuf>,
    pub http: Option<String>,
    pub postgres: Option<String>,
    pub tls_certificate: Option<PathBuf>,
    pub tls_key: Option<PathBuf>,
    pub unprotected: bool,
    pub workers: Option<usize>,
    pub checkpoint_interval: Option<String>,
    pub query_timeout: Option<String>,
    pub queries_max: Option<usize>,
}

impl Project {
    /// Reads a project. `overrides` come before the settings of the project's own; one that it does not have is
    /// refused, because no file names it.
    pub fn load(files: &dyn Files, root: &Path, overrides: &BTreeMap<String, String>) -> Result<Project> {
        let configuration = Configuration::load(files, root)?;
        let settings = settings(root, &configuration, overrides)?;
        let mut paths = Vec::new();
        find(files, root, 0, &mut paths)?;
        paths.retain(|path| !is_test(path));
        if paths.is_empty() {
            return Err(Error::Configuration {
                path: root.to_path_buf(),
                message: "this folder has no .sql files, so it is no project".to_owned(),
            });
        }
        let (mut statements, mut wrong) = (Vec::new(), Vec::new());
        for path in paths {
            match parse(files, &path, &settings) {
                Ok((parsed, refused)) => {
                    statements.extend(parsed);
                    wrong.extend(refused);
                }
                Err(Error::Sql(diagnostics)) => wrong.extend(diagnostics.0),
                Err(other) => return Err(other),
            }
        }
        Diagnostics::check(wrong)?;
        Ok(Project { root: root.to_path_buf(), configuration, statements })
    }

    /// Reads the tests of a project: files named `*.test.sql`.
    pub fn tests(files: &dyn Files, root: &Path, overrides: &BTreeMap<String, String>) -> Result<Vec<ProjectTest>> {
        let settings = settings(root, &Configuration::load(files, root)?, overrides)?;
        let mut paths = Vec::new();
        find(files, root, 0, &mut paths)?;
        let (mut tests, mut wrong) = (Vec::new(), Vec::new());
        for path in paths.into_iter().filter(|path| is_test(path)) {
            match template(files, &path, &settings) {
                Ok(template) => {
                    let (parsed, refused) = parse_project_tests(&template);
                    tests.extend(parsed);
                    wrong.extend(refused);
                }
                Err(Error::Sql(diagnostics)) => wrong.extend(diagnostics.0),
                Err(other) => return Err(other),
            }
        }
        Diagnostics::check(wrong)?;
        Ok(tests)
    }
}

/// Whether a file holds tests, and no definitions.
fn is_test(path: &Path) -> bool {
    path.file_name().and_then(|name| name.to_str()).is_some_and(|name| name.ends_with(".test.sql"))
}

impl Configuration {
    /// Reads a project's configuration; a project need not have one.
    pub fn load(files: &dyn Files, root: &Path) -> Result<Configuration> {
        let path = root.join(CONFIGURATION);
        let bytes = match files::read(files, &path) {
            Ok(bytes) => bytes,
            Err(missing) if missing.is_not_found() => return Ok(Configuration::default()),
            Err(other) => return Err(other.into()),
        };
        let failed = |message: String| Error::Configuration { path: path.clone(), message };
        let text = String::from_utf8(bytes).map_err(|_| failed("it is not UTF-8 text".to_owned()))?;
        toml::from_str(&text).map_err(|error| failed(error.to_string()))
    }
}

fn settings(
    root: &Path,
    configuration: &Configuration,
    overrides: &BTreeMap<String, String>,
) -> Result<BTreeMap<String, String>> {
    let mut settings = BTreeMap::new();
    for (name, value) in &configuration.settings {
        let text = match value {
            toml::Value::String(text) => text.clone(),
            toml::Value::Integer(_) | toml::Value::Float(_) | toml::Value::Boolean(_) => value.to_string(),
            other => {
                let message = format!("setting {name} must be a text, a number or a boolean, not {}", other.type_str());
                return Err(Error::Configuration { path: root.join(CONFIGURATION), message });
            }
        };
        settings.insert(name.clone(), text);
    }
    for (name, value) in overrides {
        if !settings.contains_key(name) {
            let known: Vec<&str> = settings.keys().map(String::as_str).collect();
            return Err(Error::Refused {
                message: format!("--set {name}: the project has no setting of this name"),
                hint: match headwater_sql::nearest(name, known.iter().copied()) {
                    Some(near) => format!("did you mean {near}?"),
                    None => format!("[settings] in {CONFIGURATION} has: {}", known.join(", ")),
                },
            });
        }
        settings.insert(name.clone(), value.clone());
    }
    Ok(settings)
}

fn find(files: &dyn Files, folder: &Path, depth: usize, paths: &mut Vec<PathBuf>) -> Result<()> {
    for entry in files.list(folder)? {
        let path = folder.join(&entry.name);
        if entry.name.starts_with('.') || entry.name == "target" || entry.name == "node_modules" {
            continue;
        }
        if entry.metadata.is_folder {
            if depth < DEPTH_MAX {
                find(files, &path, depth + 1, paths)?;
            }
        } else if path.extension().is_some_and(|extension| extension == "sql") {
            paths.push(path);
        }
    }
    Ok(())
}

type Outcome = (Vec<Parsed>, Vec<headwater_sql::Diagnostic>);

fn parse(files: &dyn Files, path: &Path, settings: &BTreeMap<String, String>) -> Result<Outcome> {
    Ok(parse_template_with_recovery(&template(files, path, settings)?))
}

/// A file with its settings filled in.
fn template(files: &dyn Files, path: &Path, settings: &BTreeMap<String, String>) -> Result<Template> {
    let bytes = files::read(files, path)?;
    let source = SourceText::from_bytes(path.display().to_string(), &bytes).map_err(Diagnostics::from)?;
    Ok(Template::fill(&source, settings)?)
}
