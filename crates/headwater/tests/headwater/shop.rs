//! The example that a newcomer runs second, held against the truths of the shop that it is about, against what is counted
//! from the same shop's files without any SQL, and against itself, killed again and again.

use std::collections::{BTreeMap, HashMap};
use std::process::Stdio;
use std::time::Duration;

use super::node::{Project, root};

const DAYS: u32 = 90;
const VISITS: u32 = 1000;

/// `examples/shop`, smaller, and with an end.
pub fn shop(seed: u64, days: u32, visits: u32) -> Project {
    let project = Project::new();
    for file in std::fs::read_dir(root().join("examples/shop")).unwrap() {
        let file = file.unwrap().path();
        if file.extension().is_some_and(|ending| ending == "sql") {
            project.write(file.file_name().unwrap().to_str().unwrap(), &std::fs::read_to_string(&file).unwrap());
        }
    }
    lasts(&project, seed, days, visits);
    project
}

/// What is said of days makes a shop longer that is there.
pub fn lasts(project: &Project, seed: u64, days: u32, visits: u32) {
    let settings =
        format!("seed = '{seed}'\ndays = '{days}'\nvisits = '{visits}'\nstart = '2026-01-01'\nlive = 'false'");
    project.write("headwater.toml", &format!("[settings]\n{settings}\n"));
}

/// Of those who reach the checkout, 67 in 100 buy with the other one, and 62 with the old.
fn the_other_checkout_is_as_it_was_made(project: &Project) {
    let told = project.sql(
        "SELECT low <= 0.05 AND 0.05 <= high, sequential_low < low, units > 1000 FROM system.experiment_results \
         WHERE experiment = 'checkout' AND metric = 'conversion' AND variant = 'treatment' ORDER BY run_id DESC LIMIT 1",
    );
    assert_eq!(told, ["true,true,true"]);
    assert_eq!(project.sql("SELECT state FROM system.experiments"), ["valid"]);
}

#[test]
fn the_shop_finds_its_truths_and_is_the_same_again() {
    let project = shop(1, DAYS, VISITS);
    project.run();
    alerts_are_the_truths(&project);
    sessions_are_the_visits(&project);
    the_other_checkout_is_as_it_was_made(&project);
    let mart = project.sql("SELECT * FROM sales_by_day ORDER BY sold_on, country");
    assert_eq!(mart, counted(&project), "the mart is what is counted from the shop's files");
    let again = shop(1, DAYS, VISITS);
    for life in 0..5 {
        let mut command = again.command(&["run", "--http", "off", "--postgres", "off", "--until-idle"]);
        let mut node = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(700 + 350 * life));
        // It may have come to its end.
        let _ = node.kill();
        node.wait().unwrap();
    }
    again.run();
    is_the_same(&again, &project, &MADE, "at once");
    is_the_same(&again, &project, &LEARNT, "at once");
    replay(&project);
    is_the_same(&again, &project, &LEARNT, "from the archives");
}

/// Takes away what is learnt, and what reads it; the same statements then find the rows of history.
fn replay(project: &Project) {
    let taken = ["7_dashboard.sql", "8_learn.sql"].map(|name| {
        let statements = std::fs::read_to_string(project.path().join(name)).unwrap();
        project.remove(name);
        (name, statements)
    });
    project.run();
    assert!(project.sql("SELECT name FROM system.models").is_empty());
    taken.iter().for_each(|(name, statements)| project.write(name, statements));
    project.run();
}

/// The shop that was killed, and the other one.
fn is_the_same(killed: &Project, other: &Project, queries: &[&str], how: &str) {
    for query in queries {
        let (one, other) = (killed.sql(query), other.sql(query));
        assert!(!one.is_empty(), "{query}: nothing to compare");
        assert!(one == other, "{query}: {} rows after kills, and {how} {}", one.len(), other.len());
    }
}

const MADE: [&str; 12] = [
    "SELECT * FROM sales_by_day ORDER BY 1, 2",
    "SELECT * FROM categories_by_day ORDER BY 1, 2",
    "SELECT * FROM conversion_by_day ORDER BY 1",
    "SELECT * FROM yesterday ORDER BY 1",
    "SELECT * FROM sessions ORDER BY 1, 2",
    "SELECT * FROM products ORDER BY 1",
    "SELECT * FROM customers ORDER BY 1",
    "SELECT * FROM traffic_by_minute ORDER BY 1",
    "SELECT * FROM revenue_by_hour ORDER BY 1, 2",
    "SELECT * FROM payments_by_hour ORDER BY 1",
    "SELECT alert, incident, state, event_at, ended_at, message FROM system.alerts ORDER BY 1, 2",
    "SELECT relation, reason, count(*) FROM system.dead_letters GROUP BY 1, 2 ORDER BY 1, 2",
];

const LEARNT: [&str; 10] = [
    "SELECT * FROM habits ORDER BY 1",
    "SELECT * FROM history.habits ORDER BY visitor_id, visits",
    "SELECT * FROM history.wallets ORDER BY customer_id, attempts",
    "SELECT model, importances, rows FROM system.model_versions AS v
     WHERE version = (SELECT max(version) FROM system.model_versions AS o WHERE o.model = v.model) ORDER BY 1",
    "SELECT model, metric, value FROM system.model_metrics AS m
     WHERE version = (SELECT max(version) FROM system.model_versions AS o WHERE o.model = m.model) ORDER BY 1, 2",
    "SELECT visitor_id, closed_at, score FROM ML_PREDICT(visits_as_known, churn) ORDER BY 1, 2",
    "SELECT payment_id, score FROM ML_PREDICT(payments_as_known, fraud) ORDER BY 1",
    "SELECT visitor_id, item, score FROM RECOMMEND((SELECT customer_id AS visitor_id FROM customers), recommendations)
     ORDER BY 1, 3 DESC, 2",
    "SELECT unit, variant FROM (SELECT customer_id AS unit, ASSIGN('checkout', customer_id) AS variant FROM customers)
     ORDER BY 1",
    "SELECT metric, variant, units, difference, low, high, sequential_low, sequential_high, verdict
     FROM system.experiment_results WHERE run_id = (SELECT max(run_id) FROM system.experiment_results) ORDER BY 1, 2",
];

/// The outage and the broken feed, each within a minute of event time, and nothing else.
fn alerts_are_the_truths(project: &Project) {
    let found = project.sql("SELECT alert, state FROM system.alerts ORDER BY alert");
    assert_eq!(found, ["feed_is_broken,resolved", "shop_is_down,resolved"]);
    let late = project.sql(
        "SELECT a.alert FROM system.alerts a JOIN truths t
           ON t.kind = CASE a.alert WHEN 'shop_is_down' THEN 'outage' ELSE 'broken feed' END
         WHERE a.event_at BETWEEN t.begins_at AND t.begins_at + INTERVAL '1 minute' ORDER BY 1",
    );
    assert_eq!(late, ["feed_is_broken", "shop_is_down"]);
}

/// Those that came in time, and whose last view had passed when the shop's last day ended.
fn sessions_are_the_visits(project: &Project) {
    let visits = "SELECT subject_id, begins_at, ends_at, CAST(number AS BIGINT) FROM truths
                  WHERE kind = 'visit' AND detail = 'in time' AND begins_at < TIMESTAMP '2026-03-31 18:00:00'";
    let sessions = "SELECT visitor_id, began_at, ended_at, views FROM sessions
                    WHERE began_at < TIMESTAMP '2026-03-31 18:00:00'";
    let missing = project.sql(&format!("SELECT count(*) FROM ({visits} EXCEPT {sessions})"));
    let made_up = project.sql(&format!("SELECT count(*) FROM ({sessions} EXCEPT {visits})"));
    assert_eq!((missing, made_up), (vec!["0".to_owned()], vec!["0".to_owned()]));
    let number: u64 = project.sql("SELECT count(*) FROM sessions")[0].parse().unwrap();
    assert!(number > 80_000, "{number} sessions");
}

/// Orders, revenue, and what was paid of both, by day and country; from the files of the same shop.
fn counted(project: &Project) -> Vec<String> {
    let (days, visits) = (DAYS.to_string(), VISITS.to_string());
    let made =
        ["generate", "shop", "made", "--seed", "1", "--days", &days, "--visits", &visits, "--start", "2026-01-01"];
    assert!(project.ends(&made).status.success());
    let mut paid: HashMap<String, i64> = HashMap::new();
    for row in rows(project, "payments") {
        if row[8] == "paid" {
            assert!(paid.insert(row[1].clone(), cents(&row[4])).is_none(), "an order is paid once");
        }
    }
    let mut days: BTreeMap<(String, String), [i64; 4]> = BTreeMap::new();
    for row in rows(project, "orders") {
        let sums = days.entry((row[4][..10].to_owned(), row[2].clone())).or_default();
        sums[0] += 1;
        sums[1] += cents(&row[3]);
        if let Some(cents) = paid.get(&row[0]) {
            sums[2] += 1;
            sums[3] += cents;
        }
    }
    let money = |cents: i64| format!("{}.{:02}", cents / 100, cents % 100);
    let line = |((day, country), [orders, revenue, paid, paid_revenue]): (&(String, String), &[i64; 4])| {
        let paid_revenue = if *paid == 0 { String::new() } else { money(*paid_revenue) };
        format!("{day},{country},{orders},{},{paid},{paid_revenue}", money(*revenue))
    };
    days.iter().map(line).collect()
}

/// The fields of a stream's rows; none of them has a comma.
fn rows(project: &Project, stream: &str) -> Vec<Vec<String>> {
    let mut rows = Vec::new();
    for file in std::fs::read_dir(project.path().join("made").join(stream)).unwrap() {
        let text = std::fs::read_to_string(file.unwrap().path()).unwrap();
        rows.extend(text.lines().skip(1).map(|line| line.split(',').map(str::to_owned).collect::<Vec<_>>()));
    }
    rows
}

fn cents(money: &str) -> i64 {
    let (whole, hundredths) = money.split_once('.').unwrap();
    assert_eq!(hundredths.len(), 2);
    whole.parse::<i64>().unwrap() * 100 + hundredths.parse::<i64>().unwrap()
}
