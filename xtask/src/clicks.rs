//! Sessions of real clicks: as many as the data's description says.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::facts::LIMIT;
use crate::node::{Binary, Start};
use crate::retail::{Report, value};
use crate::shell;

const PROJECT: &str = "\
CREATE STREAM clicks (
    user_id BIGINT NOT NULL,
    at TIMESTAMPTZ NOT NULL,
    WATERMARK FOR at AS at
) WITH (partitions = 1);

CREATE SOURCE click_files INTO clicks FROM FILES (path = 'clicks.csv', format = 'csv');

CREATE MATERIALIZED VIEW sessions AS
SELECT window_start, window_end, user_id, count(*) AS clicks
FROM SESSION(clicks, at, INTERVAL '30 minutes', PARTITION BY user_id)
GROUP BY window_start, window_end, user_id;
";

/// The folder of the clicks: beside the one of the daily files.
fn folder(daily_files: &Path) -> Result<PathBuf> {
    let folder = daily_files.with_file_name("globo_clicks");
    if !folder.is_dir() {
        bail!("there is no {}: real data is online_retail and globo_clicks", folder.display());
    }
    Ok(folder)
}

/// Runs a project over the clicks, ordered by time.
pub fn check(binary: &Binary, daily_files: &Path) -> Result<usize> {
    let folder = folder(daily_files)?;
    let place = shell::target_dir().join("facts/clicks");
    shell::fresh_dir(&place)?;
    let project = place.join("project");
    std::fs::create_dir(&project)?;
    std::fs::write(project.join("clicks.sql"), PROJECT)?;
    std::fs::write(project.join("clicks.csv"), ordered(&folder)?)?;
    let data_dir = place.join("data");
    let took = Start::new(&project, &data_dir).until_idle().finish(binary, LIMIT)?;
    println!("the clicks ran in {}", shell::spoken(took));
    let mut report = Report::default();
    let facts = [
        ("clicks", "SELECT count(*) FROM clicks", "448380"),
        ("users", "SELECT count(DISTINCT user_id) FROM sessions", "117185"),
        ("sessions", "SELECT count(*) FROM sessions", "171881"),
        ("clicks in sessions", "SELECT sum(clicks) FROM sessions", "448380"),
        ("dead letters", "SELECT count(*) FROM system.dead_letters", "0"),
    ];
    for (what, query, wanted) in facts {
        report.check(what, value(binary, &data_dir, query), wanted);
    }
    report.close("sessions of real clicks")
}

/// User and time of all clicks, as CSV.
fn ordered(folder: &Path) -> Result<String> {
    let mut clicks: Vec<(i64, i64)> = Vec::new();
    for file in std::fs::read_dir(folder)? {
        let path = file?.path();
        if path.extension().is_none_or(|extension| extension != "csv") {
            continue;
        }
        let text = std::fs::read_to_string(&path)?;
        for line in text.lines().skip(1) {
            let fields: Vec<&str> = line.split(',').collect();
            let &[user, _, _, _, _, time_ms, ..] = &fields[..] else { bail!("{}: {line}", path.display()) };
            let number = |text: &str| text.parse::<i64>().with_context(|| format!("{}: {line}", path.display()));
            clicks.push((number(time_ms)?, number(user)?));
        }
    }
    clicks.sort_unstable();
    let mut text = "user_id,at\n".to_owned();
    for (time_ms, user) in clicks {
        let at = chrono::DateTime::from_timestamp_millis(time_ms).with_context(|| format!("no time: {time_ms}"))?;
        writeln!(text, "{user},{}", at.to_rfc3339())?;
    }
    Ok(text)
}
