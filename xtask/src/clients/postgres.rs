//! PostgreSQL's own `psql`, psycopg, asyncpg and SQLAlchemy against a node of a small project.

use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::node::{Binary, Start};
use crate::shell;

const READY: Duration = Duration::from_secs(60);
const PROJECT: &str = "
CREATE STREAM orders (
    order_id BIGINT NOT NULL, category VARCHAR, price DECIMAL(10, 2), ordered_at TIMESTAMP NOT NULL,
    WATERMARK FOR ordered_at AS ordered_at - INTERVAL '5 seconds'
) WITH (format = 'json');
CREATE SOURCE feed INTO orders FROM FILES (PATH '${rows}', FORMAT 'json');
CREATE MATERIALIZED VIEW by_category AS SELECT category, count(*) AS orders FROM orders GROUP BY category;
";

/// Returns the number of checks that passed.
pub fn check(binary: &Binary) -> Result<usize> {
    super::installed("psql", &["--version"], "postgresql-client")?;
    let python = super::python()?;
    let folder = shell::target_dir().join("clients-postgres");
    shell::fresh_dir(&folder)?;
    let (project, rows) = (folder.join("project"), folder.join("orders.ndjson"));
    std::fs::create_dir_all(&project)?;
    std::fs::write(project.join("headwater.toml"), "[settings]\nrows = ''\n")?;
    std::fs::write(project.join("orders.sql"), PROJECT)?;
    let lines = (0..500).map(|id| {
        let (category, cents, second) = (id % 10, id % 100, id % 60);
        format!(
            r#"{{"order_id":{id},"category":"c{category}","price":"{id}.{cents:02}","ordered_at":"2024-01-01T00:00:{second:02}Z"}}"#
        )
    });
    std::fs::write(&rows, lines.collect::<Vec<_>>().join("\n") + "\n")?;
    let start = Start::new(&project, folder.join("data")).set("rows", rows.display());
    let mut node = start.spawn(binary)?;
    let checked = (|| {
        node.wait_ready(READY)?;
        let address = node.postgres().context("the node has announced no address for PostgreSQL clients")?;
        let mut passed = 0;
        for script in ["postgres.py", "catalog.py", "states.py"] {
            let mut command = Command::new(&python);
            command.arg(shell::root().join("tests/clients").join(script)).arg(&address);
            shell::run_watched(&mut command, |line| passed += usize::from(line.starts_with("ok ")))?;
        }
        Ok(passed + super::jdbc::check(&address)?)
    })();
    node.kill()?;
    match checked {
        Ok(0) => bail!("the PostgreSQL clients checked nothing"),
        other => other,
    }
}
