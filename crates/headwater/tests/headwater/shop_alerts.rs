//! Alerts over the made-up shop of `docs/shop.md`: the outage and the broken feed are found to the minute, and nothing
//! else is. `SHOP_SEEDS` says how many shops.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::node::Project;

const SEEDS: u64 = 20;

const STATEMENTS: &str = "
    CREATE STREAM page_views (event_id BIGINT, visitor_id BIGINT, page VARCHAR, product_id BIGINT, device VARCHAR, referrer VARCHAR,
        viewed_at TIMESTAMP NOT NULL, WATERMARK FOR viewed_at AS viewed_at - INTERVAL '10 minutes') WITH (format = 'csv');
    CREATE STREAM products (product_id BIGINT, category VARCHAR, price DECIMAL(10, 2), stock BIGINT, updated_at TIMESTAMP NOT NULL,
        WATERMARK FOR updated_at AS updated_at) WITH (format = 'csv');
    CREATE SOURCE views_files INTO page_views FROM FILES (PATH 'made/page_views/*.csv', FORMAT 'csv');
    CREATE SOURCE products_files INTO products FROM FILES (PATH 'made/products/*.csv', FORMAT 'csv');
    CREATE ALERT shop_is_down NOTIFY LOG WITH (resolve_after = '30 minutes', message = 'a visit ended at an error')
    AS SELECT viewed_at, visitor_id, page FROM page_views WHERE page = 'error';
    CREATE ALERT feed_is_broken NOTIFY LOG TIMESTAMP window_start WITH (message = '{broken} of {products} products are broken')
    AS SELECT window_start, count(*) AS products,
           count(*) FILTER (WHERE price IS NULL OR price < 0 OR category IS NULL OR category = '') AS broken
    FROM TUMBLE(products, updated_at, INTERVAL '1 minute') GROUP BY window_start, window_end
    HAVING count(*) FILTER (WHERE price IS NULL OR price < 0 OR category IS NULL OR category = '') > 0.05 * count(*);";

#[test]
fn the_outage_and_the_broken_feed_are_found_and_nothing_else() {
    let seeds = std::env::var("SHOP_SEEDS").map_or(SEEDS, |seeds| seeds.parse().unwrap());
    let next = AtomicU64::new(1);
    let some = || {
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed > seeds {
                return;
            }
            find(seed);
        }
    };
    std::thread::scope(|scope| (0..2).for_each(|_| drop(scope.spawn(some))));
}

fn find(seed: u64) {
    let project = Project::new();
    project.write("main.sql", STATEMENTS);
    let seed = seed.to_string();
    let made = project.path().join("made");
    let made = made.to_str().unwrap();
    let done = project.ends(&["generate", "shop", made, "--visits", "2000", "--seed", &seed]);
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    project.run();
    // Truths begin with a minute, so what began less than one later began in the same.
    assert_eq!(project.sql(FOUND), truths(&project), "seed {seed}");
}

/// Incidents with the minute in which they began.
const FOUND: &str = "
    SELECT CASE alert WHEN 'shop_is_down' THEN 'outage' ELSE 'broken feed' END AS kind,
           to_char(date_trunc('minute', event_at), '%Y-%m-%d %H:%M') AS began, state
    FROM system.alerts ORDER BY kind";

/// What is to be found.
fn truths(project: &Project) -> Vec<String> {
    let mut truths = Vec::new();
    for file in std::fs::read_dir(project.path().join("made/truths")).unwrap() {
        let text = std::fs::read_to_string(file.unwrap().path()).unwrap();
        for line in text.lines().filter(|line| line.starts_with("outage,") || line.starts_with("broken feed,")) {
            let fields: Vec<&str> = line.split(',').collect();
            truths.push(format!("{},{},resolved", fields[0], fields[4][..16].replace('T', " ")));
        }
    }
    truths.sort();
    truths
}
