//! Features and predictions, one entity or row a request, over HTTP; the same load on the servers of Feast and MLflow where
//! `PEERS` and `PEER_SCRIPTS` are set; and rows that a view scores as they come.

mod load;
mod peer;
mod rows;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use self::load::{Load, Loaded, post};
use self::peer::Peer;
use super::{Options, figure, headline, ratio};
use crate::bench::http::client::Client;
use crate::node::{Binary, Node, Profile, Start};
use crate::random::Random;
use crate::shell;

const USERS: u64 = 100_000;
const SCORED: u64 = 2_000_000;
const LENGTH: Duration = Duration::from_secs(10);
const READY: Duration = Duration::from_secs(300);
const CONNECTIONS: [usize; 3] = [1, 4, 8];
const FEATURES: usize = 9;
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
    let own = |random: &mut Random, users: u64| {
        let first = random.below(USERS - users);
        let entities: Vec<_> = (first..first + users).map(|user| json!({"user_id": user})).collect();
        post("/v1/features/user_stats", &json!({"entities": entities}).to_string())
    };
    served("features", &address, length, &own)?;
    let known = ask(&address)?;
    let features = served("features_as_feast", &address, length, &feast)?;
    let invoked = |random: &mut Random, rows: u64| invocations("/v1/models/likely/invocations", random, rows);
    let predictions = served("predictions", &address, length, &invoked)?;
    scored(&binary, &folder, options.rows.unwrap_or(SCORED))?;
    drop(node);
    let Some((peers, scripts)) = peers else { return Ok(()) };
    let server = Peer::FEAST.serve(&peers, &scripts, &folder)?;
    if ask(&server.address)? != known {
        bail!("Feast knows other values of the first {BATCH} entities than we do");
    }
    compared("features_feast", &features, &served("features_feast", &server.address, length, &feast)?);
    drop(server);
    let server = Peer::MLFLOW.serve(&peers, &scripts, &folder)?;
    let invoked = |random: &mut Random, rows: u64| invocations("/invocations", random, rows);
    compared("predictions_mlflow", &predictions, &served("predictions_mlflow", &server.address, length, &invoked)?);
    Ok(())
}

/// One entity or row a request over each number of connections, then many a request over one.
fn served(
    name: &str,
    address: &str,
    length: Duration,
    request: &(dyn Fn(&mut Random, u64) -> Vec<u8> + Sync),
) -> Result<Vec<(String, Loaded)>> {
    let singles = CONNECTIONS.map(|connections| (connections.to_string(), connections, 1));
    let many = (format!("of_{BATCH}"), 1, BATCH);
    let mut all = Vec::new();
    for (load, connections, number) in singles.into_iter().chain([many]) {
        let loaded = Load { address, connections, length }.run(&|random| request(random, number))?;
        figure(&format!("{name}_{load}"), loaded.per_second, "requests/s");
        figure(&format!("{name}_{load}_p50"), loaded.times.ms(0.5), "ms");
        figure(&format!("{name}_{load}_p99"), loaded.times.ms(0.99), "ms");
        all.push((load, loaded));
    }
    Ok(all)
}

/// Of the same loads.
fn compared(name: &str, ours: &[(String, Loaded)], theirs: &[(String, Loaded)]) {
    for ((load, ours), (_, theirs)) in ours.iter().zip(theirs) {
        ratio(&format!("{name}_{load}_p50"), ours.times.ms(0.5), theirs.times.ms(0.5));
        ratio(&format!("{name}_{load}_p99"), ours.times.ms(0.99), theirs.times.ms(0.99));
        ratio(&format!("{name}_{load}_rate"), ours.per_second, theirs.per_second);
    }
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
        std::thread::sleep(Duration::from_millis(100));
    }
    Ok(())
}

/// Nine features of so many users that follow each other.
fn feast(random: &mut Random, users: u64) -> Vec<u8> {
    of_users(random.below(USERS - users), users)
}

fn of_users(first: u64, number: u64) -> Vec<u8> {
    let features: Vec<String> =
        (0..8).map(|at| format!("user_stats:f{at}")).chain(["user_stats:cnt".to_owned()]).collect();
    let users: Vec<u64> = (first..first + number).collect();
    post("/get-online-features", &json!({"features": features, "entities": {"user_id": users}}).to_string())
}

/// What is known of the first entities: each feature's values. Servers give features in orders of their own.
fn ask(address: &str) -> Result<BTreeMap<String, Value>> {
    let mut client = Client::connect(address)?;
    let answer: Value = serde_json::from_slice(client.ok(&of_users(0, BATCH))?)?;
    let (names, results) = (&answer["metadata"]["feature_names"], &answer["results"]);
    let (Some(names), Some(results)) = (names.as_array(), results.as_array()) else {
        bail!("{address} gave no features: {answer}");
    };
    let present = Value::from(vec!["PRESENT"; BATCH as usize]);
    if names.len() != FEATURES + 1 || results.iter().any(|result| result["statuses"] != present) {
        bail!("{address} does not know all {FEATURES} features of the first {BATCH} entities");
    }
    let name = |name: &Value| name.as_str().unwrap_or_default().to_owned();
    Ok(names.iter().map(name).zip(results.iter().map(|result| result["values"].clone())).collect())
}

/// Rows in MLflow's shape.
fn invocations(path: &str, random: &mut Random, rows: u64) -> Vec<u8> {
    let columns: Vec<String> = (0..10).map(|at| format!("x{at}")).collect();
    let data: Vec<Vec<f64>> = (0..rows).map(|_| (0..10).map(|_| rows::unit(random)).collect()).collect();
    post(path, &json!({"dataframe_split": {"columns": columns, "data": data}}).to_string())
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
    // It is listed once all that it gave of history is committed. Asking takes a share of the cores.
    let listed = "SELECT count(*) FROM system.streams WHERE name = 'scored'";
    until(binary, &data, listed, 1)?;
    let seconds = began.elapsed().as_secs_f64();
    until(binary, &data, "SELECT count(score) FROM scored", rows)?;
    figure("scored_in_a_view", rows as f64 / seconds, "rows/s");
    Ok(())
}
