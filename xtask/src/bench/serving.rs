//! Features and predictions, one entity or row a request, over HTTP; the same load on the servers of Feast and MLflow where
//! `PEERS` and `PEER_SCRIPTS` are set; and rows that a view scores as they come.

mod load;
mod peer;
mod rows;

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::json;

use self::load::{Load, Loaded, post};
use self::peer::Peer;
use super::{Options, figure, headline, ratio};
use crate::node::{Binary, Node, Profile, Start};
use crate::shell;

const USERS: u64 = 100_000;
const SCORED: u64 = 2_000_000;
const LENGTH: Duration = Duration::from_secs(10);
const READY: Duration = Duration::from_secs(300);
const CONNECTIONS: [usize; 2] = [1, 8];
/// Rows of one request, where they are many.
const BATCH: u64 = 100;

const PROJECT: &str = "
CREATE STREAM users (user_id BIGINT NOT NULL, f0 DOUBLE, f1 DOUBLE, f2 DOUBLE, f3 DOUBLE, f4 DOUBLE, f5 DOUBLE, f6 DOUBLE,
    f7 DOUBLE, cnt BIGINT, at TIMESTAMP NOT NULL, WATERMARK FOR at AS at) WITH (format = 'json');
CREATE SOURCE users_feed INTO users FROM FILES (PATH '${folder}/users.ndjson', FORMAT 'json');
CREATE FEATURE VIEW user_stats ENTITY (user_id) TIMESTAMP at TTL '36500 days' AS SELECT * FROM users;
CREATE STREAM training (x0 DOUBLE, x1 DOUBLE, x2 DOUBLE, x3 DOUBLE, x4 DOUBLE, x5 DOUBLE, x6 DOUBLE, x7 DOUBLE, x8 DOUBLE,
    x9 DOUBLE, label BOOLEAN) WITH (format = 'json');
CREATE SOURCE training_feed INTO training FROM FILES (PATH '${folder}/training.ndjson', FORMAT 'json');
CREATE MODEL likely PREDICT label USING gradient_boosted_trees WITH (trees = 100, depth = 3, leaves = 8) RETRAIN MANUAL
AS SELECT * FROM training;
CREATE STREAM asked (id BIGINT NOT NULL, x0 DOUBLE, x1 DOUBLE, x2 DOUBLE, x3 DOUBLE, x4 DOUBLE, x5 DOUBLE, x6 DOUBLE,
    x7 DOUBLE, x8 DOUBLE, x9 DOUBLE) WITH (format = 'json', partitions = 2);
CREATE SOURCE asked_feed INTO asked FROM FILES (PATH '${folder}/asked.ndjson', FORMAT 'json');
";

pub fn run(options: &Options) -> Result<()> {
    let binary = options.which.get(Profile::Release)?;
    let length = options.seconds.map_or(LENGTH, Duration::from_secs);
    let peers = std::env::var_os("PEERS").map(PathBuf::from).zip(std::env::var_os("PEER_SCRIPTS").map(PathBuf::from));
    let told =
        if peers.is_some() { "beside Feast and MLflow" } else { "no peers (PEERS and PEER_SCRIPTS are not set)" };
    let folder = shell::target_dir().join("bench/serving");
    shell::fresh_dir(&folder)?;
    let said = format!("{USERS} entities; {} a load, the load on the same cores; {told}", shell::spoken(length));
    headline(options, &said);
    rows::write(&folder, options.rows.unwrap_or(SCORED))?;
    let node = start(options, &binary, &folder)?;
    let address = node.http().context("the node has announced no address for HTTP")?;
    let ours = [features(&address, length)?, predictions(&address, length)?];
    scored(&binary, &folder, options.rows.unwrap_or(SCORED))?;
    drop(node);
    let Some((peers, scripts)) = peers else { return Ok(()) };
    for (peer, ours) in [Peer::FEAST, Peer::MLFLOW].into_iter().zip(ours) {
        let server = peer.serve(&peers, &scripts, &folder)?;
        for (connections, ours) in CONNECTIONS.into_iter().zip(ours) {
            let load = Load { address: &server.address, connections, length };
            let theirs = match peer.name {
                "feast" => load.run(&|random| feast(random.below(USERS), 1))?,
                _ => load.run(&|random| invocations("/invocations", random, 1))?,
            };
            let name = format!("{}_{}_{connections}", peer.what, peer.name);
            told_of(&name, &theirs);
            ratio(&format!("{name}_p50"), ours.times.ms(0.5), theirs.times.ms(0.5));
            ratio(&format!("{name}_p99"), ours.times.ms(0.99), theirs.times.ms(0.99));
            ratio(&format!("{name}_rate"), ours.per_second, theirs.per_second);
        }
    }
    Ok(())
}

/// A node with all rows, whose model is trained.
fn start(options: &Options, binary: &Binary, folder: &Path) -> Result<Node> {
    let project = folder.join("project");
    std::fs::create_dir_all(&project)?;
    std::fs::write(project.join("headwater.toml"), "[settings]\nfolder = ''\n")?;
    std::fs::write(project.join("main.sql"), PROJECT)?;
    let data = folder.join("data");
    let start = Start::new(&project, &data).set("folder", folder.display()).workers(options.workers);
    let mut node = start.spawn(binary)?;
    node.wait_ready(READY)?;
    let asked = options.rows.unwrap_or(SCORED);
    for (query, rows) in [("user_stats", USERS), ("training", rows::TRAINING), ("asked", asked)] {
        until(binary, &data, &format!("SELECT count(*) FROM {query}"), rows)?;
    }
    binary.sql(&data, "TRAIN MODEL likely").or_else(|error| {
        // It says what it did, and gives no rows.
        if error.to_string().contains("printed no header") { Ok(Vec::new()) } else { Err(error) }
    })?;
    Ok(node)
}

fn until(binary: &Binary, data: &Path, query: &str, wanted: u64) -> Result<()> {
    let began = shell::now();
    while binary.sql(data, query)?.first().and_then(|row| row.first()?.parse::<u64>().ok()) != Some(wanted) {
        if began.elapsed() > READY {
            bail!("{query} never gave {wanted}");
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}

/// In Feast's shape, for each number of connections; and in our own.
fn features(address: &str, length: Duration) -> Result<Vec<Loaded>> {
    let mut all = Vec::new();
    for connections in CONNECTIONS {
        let load = Load { address, connections, length };
        let own = load.run(&|random| {
            let body = json!({"entities": [{"user_id": random.below(USERS)}]}).to_string();
            post("/v1/features/user_stats", &body)
        })?;
        told_of(&format!("features_{connections}"), &own);
        let loaded = load.run(&|random| feast(random.below(USERS), 1))?;
        told_of(&format!("features_as_feast_{connections}"), &loaded);
        all.push(loaded);
    }
    let load = Load { address, connections: 1, length };
    told_of(&format!("features_as_feast_of_{BATCH}"), &load.run(&|random| feast(random.below(USERS - BATCH), BATCH))?);
    Ok(all)
}

/// Nine features of so many users that follow each other.
fn feast(first: u64, number: u64) -> Vec<u8> {
    let features: Vec<String> =
        (0..8).map(|at| format!("user_stats:f{at}")).chain(["user_stats:cnt".to_owned()]).collect();
    let users: Vec<u64> = (first..first + number).collect();
    post("/get-online-features", &json!({"features": features, "entities": {"user_id": users}}).to_string())
}

fn predictions(address: &str, length: Duration) -> Result<Vec<Loaded>> {
    let path = "/v1/models/likely/invocations";
    let mut all = Vec::new();
    for connections in CONNECTIONS {
        let load = Load { address, connections, length };
        let loaded = load.run(&|random| invocations(path, random, 1))?;
        told_of(&format!("predictions_{connections}"), &loaded);
        all.push(loaded);
    }
    let load = Load { address, connections: 2, length };
    let loaded = load.run(&|random| invocations(path, random, BATCH))?;
    figure(&format!("predictions_of_{BATCH}"), loaded.per_second * BATCH as f64, "rows/s");
    Ok(all)
}

/// Rows in MLflow's shape.
fn invocations(path: &str, random: &mut crate::random::Random, rows: u64) -> Vec<u8> {
    let columns: Vec<String> = (0..10).map(|at| format!("x{at}")).collect();
    let data: Vec<Vec<f64>> = (0..rows).map(|_| (0..10).map(|_| rows::unit(random)).collect()).collect();
    post(path, &json!({"dataframe_split": {"columns": columns, "data": data}}).to_string())
}

fn told_of(name: &str, loaded: &Loaded) {
    figure(name, loaded.per_second, "requests/s");
    figure(&format!("{name}_p50"), loaded.times.ms(0.5), "ms");
    figure(&format!("{name}_p99"), loaded.times.ms(0.99), "ms");
}

/// A view over rows that are in the log: from declaring it until it has them all, scored and written to the log.
fn scored(binary: &Binary, folder: &Path, rows: u64) -> Result<()> {
    let data = folder.join("data");
    let began = shell::now();
    let view =
        "CREATE MATERIALIZED VIEW scored WITH (format = 'csv') AS SELECT id, score FROM ML_PREDICT(asked, likely)";
    binary
        .sql(&data, view)
        .or_else(|error| if error.to_string().contains("printed no header") { Ok(Vec::new()) } else { Err(error) })?;
    let committed = "SELECT rows_since_start FROM system.streams WHERE name = 'scored'";
    let until_there = until(binary, &data, committed, rows);
    let seconds = began.elapsed().as_secs_f64();
    until_there?;
    figure("scored_in_a_view", rows as f64 / seconds, "rows/s");
    Ok(())
}
