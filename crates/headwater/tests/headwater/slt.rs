//! The SQL logic tests: every `tests/slt/**/*.slt`, each in a project of its own.
//!
//! A statement that defines something becomes a file of the project, checked at once. The first query after it runs
//! the project until idle and then serves it; queries go over HTTP, as `headwater sql` sends them, and so do statements
//! that write rows or, behind a comment, define something as a client does. `SLT_FILTER` picks
//! files by a part of their path, and `SLT_COMPLETE` writes the answers into them instead of comparing.

use std::path::{Path, PathBuf};

use arrow::array::RecordBatch;
use arrow::datatypes::DataType;
use arrow::ipc::reader::StreamReader;
use arrow::util::display::{ArrayFormatter, DurationFormat, FormatOptions};
use sqllogictest::{AsyncDB, DBOutput, DefaultColumnType, Runner};

use crate::node::{self, Node, Project};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slt() {
    let filter = std::env::var("SLT_FILTER").unwrap_or_default();
    let complete = std::env::var_os("SLT_COMPLETE").is_some();
    let mut files = Vec::new();
    find(&node::root().join("tests/slt"), &mut files);
    files.retain(|file| file.to_string_lossy().contains(&filter));
    files.sort();
    assert!(!files.is_empty(), "no .slt file has {filter:?} in its path");
    let mut failures = Vec::new();
    for file in &files {
        println!("{}", file.display());
        let mut runner = Runner::new(|| async { Ok(Database::new()) });
        runner.with_column_validator(sqllogictest::strict_column_validator);
        let validator = sqllogictest::default_validator;
        let outcome = if complete {
            let columns = sqllogictest::strict_column_validator;
            let normalizer = sqllogictest::default_normalizer;
            runner.update_test_file(file, " ", validator, normalizer, columns).await.map_err(|error| error.to_string())
        } else {
            runner.run_file_async(file).await.map_err(|error| error.to_string())
        };
        failures.extend(outcome.err());
    }
    assert!(failures.is_empty(), "{} of {} files:\n{}", failures.len(), files.len(), failures.join("\n"));
}

fn find(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            find(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "slt") {
            files.push(path);
        }
    }
}

/// What the binary said instead of an answer.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Refused(String);

/// One project and, once it was asked something, a node over it.
struct Database {
    project: Project,
    definitions: usize,
    node: Option<Node>,
    client: reqwest::Client,
}

impl Database {
    fn new() -> Database {
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        Database { project: Project::new(), definitions: 0, node: None, client }
    }

    /// Takes a definition into the project, unless the binary refuses it.
    fn define(&mut self, sql: &str) -> Result<(), Refused> {
        let name = format!("{:02}.sql", self.definitions + 1);
        self.project.write(&name, &format!("{sql};\n"));
        let checked = self.project.ends(&["check"]);
        if !checked.status.success() {
            self.project.remove(&name);
            return Err(Refused(String::from_utf8(checked.stderr).unwrap().trim_end().to_owned()));
        }
        self.definitions += 1;
        self.node = None;
        Ok(())
    }

    fn node(&mut self) -> Result<&Node, Refused> {
        if self.node.is_none() {
            let done = self.project.ends(&["run", "--http", "off", "--postgres", "off", "--until-idle"]);
            if !done.status.success() {
                return Err(Refused(String::from_utf8(done.stderr).unwrap().trim_end().to_owned()));
            }
            self.node = Some(self.project.serve());
        }
        self.node.as_ref().ok_or_else(|| Refused("the node is gone".to_owned()))
    }

    async fn ask(&mut self, sql: &str) -> Result<DBOutput<DefaultColumnType>, Refused> {
        let url = format!("http://{}/v1/sql?format=arrow", self.node()?.address);
        let answer = self.client.post(url).body(sql.to_owned()).send().await.map_err(refused)?;
        let accepted = answer.status().is_success();
        let is_json = answer.headers().get("content-type").is_some_and(|kind| kind.as_bytes() == b"application/json");
        let body = answer.bytes().await.map_err(refused)?;
        if !accepted {
            let failure: serde_json::Value = serde_json::from_slice(&body).map_err(refused)?;
            return Err(Refused(failure["error"]["message"].as_str().unwrap_or("no message").trim_end().to_owned()));
        }
        if is_json {
            let done: serde_json::Value = serde_json::from_slice(&body).map_err(refused)?;
            let count = done["done"].as_str().and_then(|tag| tag.rsplit(' ').next()?.parse().ok());
            return Ok(DBOutput::StatementComplete(count.unwrap_or(0)));
        }
        let reader = StreamReader::try_new(body.as_ref(), None).map_err(refused)?;
        let types = reader.schema().fields().iter().map(|field| column_type(field.data_type())).collect();
        let mut rows = Vec::new();
        for batch in reader {
            rows.extend(texts(&batch.map_err(refused)?));
        }
        Ok(DBOutput::Rows { types, rows })
    }
}

fn refused(error: impl std::fmt::Display) -> Refused {
    Refused(error.to_string())
}

#[async_trait::async_trait]
impl AsyncDB for Database {
    type Error = Refused;
    type ColumnType = DefaultColumnType;

    async fn run(&mut self, sql: &str) -> Result<DBOutput<DefaultColumnType>, Refused> {
        let defines = sql.trim_start().get(..6).is_some_and(|word| word.eq_ignore_ascii_case("create"));
        if defines {
            self.define(sql)?;
            return Ok(DBOutput::StatementComplete(0));
        }
        self.ask(sql).await
    }

    async fn shutdown(&mut self) {
        self.node = None;
    }

    fn engine_name(&self) -> &str {
        "headwater"
    }
}

fn column_type(data_type: &DataType) -> DefaultColumnType {
    match data_type {
        integer if integer.is_integer() => DefaultColumnType::Integer,
        number if number.is_numeric() => DefaultColumnType::FloatingPoint,
        _ => DefaultColumnType::Text,
    }
}

/// Rows as texts, `NULL` and `(empty)` for what would not be seen.
fn texts(rows: &RecordBatch) -> Vec<Vec<String>> {
    let options = FormatOptions::new().with_null("NULL").with_duration_format(DurationFormat::ISO8601);
    let columns: Vec<ArrayFormatter<'_>> =
        rows.columns().iter().map(|column| ArrayFormatter::try_new(column.as_ref(), &options).unwrap()).collect();
    let text = |column: &ArrayFormatter<'_>, row: usize| match column.value(row).to_string() {
        empty if empty.is_empty() => "(empty)".to_owned(),
        text => text.replace('\n', "\\n"),
    };
    (0..rows.num_rows()).map(|row| columns.iter().map(|column| text(column, row)).collect()).collect()
}
