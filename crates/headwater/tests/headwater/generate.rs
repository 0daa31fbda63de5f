//! Made-up data: what `headwater generate` writes, read by a project, against the truths in it.

use super::node::Project;

const STREAMS: [(&str, &str); 5] = [
    (
        "page_views",
        "event_id BIGINT NOT NULL, visitor_id BIGINT NOT NULL, page VARCHAR NOT NULL, viewed_at TIMESTAMP NOT NULL",
    ),
    ("orders", "order_id BIGINT NOT NULL, customer_id BIGINT NOT NULL, amount DECIMAL(12, 2) NOT NULL"),
    ("order_items", "order_id BIGINT NOT NULL, quantity BIGINT NOT NULL, price DECIMAL(12, 2) NOT NULL"),
    ("payments", "payment_id BIGINT NOT NULL, order_id BIGINT NOT NULL, status VARCHAR NOT NULL"),
    (
        "truths",
        "kind VARCHAR NOT NULL, subject_id BIGINT, detail VARCHAR, number DOUBLE, begins_at TIMESTAMP NOT NULL, ends_at TIMESTAMP",
    ),
];

/// A project over three days of a small shop in files of a format.
fn shop(format: &str, ending: &str) -> Project {
    let project = Project::new();
    let made = project
        .ends(&["generate", "shop", "made", "--days", "3", "--visits", "400", "--seed", "5", "--format", format]);
    let printed = String::from_utf8_lossy(&made.stdout);
    assert!(made.status.success() && printed.contains("page_views"), "{}", String::from_utf8_lossy(&made.stderr));
    let mut text = String::new();
    for (name, columns) in STREAMS {
        text += &format!(
            "CREATE STREAM {name} ({columns}) WITH (format = '{format}');\n\
             CREATE SOURCE {name}_files INTO {name} FROM FILES (PATH 'made/{name}/*.{ending}');\n"
        );
    }
    text += "CREATE VIEW seen AS SELECT DISTINCT event_id, visitor_id, viewed_at FROM page_views;\n\
             CREATE VIEW sessions AS SELECT visitor_id, window_start AS began, max(viewed_at) AS ended, count(*) AS views\n\
             FROM SESSION(seen, viewed_at, INTERVAL '30 minutes', PARTITION BY visitor_id)\n\
             GROUP BY visitor_id, window_start, window_end HAVING window_start < TIMESTAMP '2026-01-03 18:00:00';\n\
             CREATE VIEW visits AS SELECT subject_id, begins_at, ends_at, CAST(number AS BIGINT) AS views FROM truths\n\
             WHERE kind = 'visit' AND begins_at < TIMESTAMP '2026-01-03 18:00:00';\n";
    project.write("shop.sql", &text);
    project.run();
    project
}

#[test]
fn a_shop_is_what_its_truths_say() {
    for (format, ending) in [("csv", "csv"), ("json", "jsonl")] {
        let project = shop(format, ending);
        let visits: u64 = project.sql("SELECT count(*) FROM visits")[0].parse().unwrap();
        assert!(visits > 500, "{visits} visits");
        assert_eq!(project.sql("SELECT count(*) FROM sessions"), [visits.to_string()]);
        assert_eq!(project.sql("SELECT * FROM (SELECT * FROM sessions EXCEPT SELECT * FROM visits) LIMIT 3"), [""; 0]);
        assert_eq!(
            project.sql(
                "SELECT count(*) FROM truths WHERE kind = 'fraud' AND subject_id NOT IN (SELECT payment_id FROM payments)"
            ),
            ["0"]
        );
        let amounts = project.sql("SELECT sum(amount) FROM orders");
        assert_eq!(amounts, project.sql("SELECT CAST(sum(quantity * price) AS DECIMAL(20, 2)) FROM order_items"));
        // What a broken client sends is a dead letter each, and nothing else is.
        let files = std::fs::read_dir(project.path().join("made/page_views")).unwrap();
        let texts = files.map(|file| std::fs::read_to_string(file.unwrap().path()).unwrap());
        let broken: usize = texts.map(|text| text.matches("undefined").count()).sum();
        assert_eq!(project.sql("SELECT count(*) FROM system.dead_letters"), [broken.to_string()]);
    }
}

#[test]
fn files_are_only_made_where_there_are_none() {
    let project = Project::new();
    project.write("some.txt", "something");
    assert!(project.fails(&["generate", "shop", "."]).contains("name a new folder"));
    assert!(project.fails(&["generate", "shop", "made", "--start", "yesterday"]).contains("write it as 2026-01-01"));
    assert!(project.fails(&["generate", "shop", "made", "--days", "0"]).contains("1..=3650"));
}
