//! Plans of views, and where refusals point.

use crate::relation::Relations;
use crate::testing::{ORDERS, refusals, relations, try_view, view};

const CLICKS: &str = "CREATE STREAM clicks (user_id BIGINT, at TIMESTAMP, WATERMARK FOR at AS at)";

fn both() -> Relations {
    relations(&[ORDERS, CLICKS])
}

fn plan(query: &str) -> Vec<String> {
    let view = view(&both(), &format!("CREATE MATERIALIZED VIEW v AS {query}"));
    view.plan.display_indent().to_string().lines().map(|line| line.trim().to_owned()).collect()
}

fn refused(query: &str) -> Vec<String> {
    refusals(try_view(&both(), &format!("CREATE MATERIALIZED VIEW v AS\n{query}")))
}

const SPELLED: [&str; 6] = [
    "SELECT window_start, category, sum(amount) AS s FROM TUMBLE(orders, ordered_at, INTERVAL '1 minute')
     GROUP BY window_start, window_end, category",
    "SELECT window_start, category, sum(amount) AS s FROM TUMBLE(TABLE orders, DESCRIPTOR(ordered_at), INTERVAL '1' MINUTE)
     GROUP BY window_start, window_end, category",
    "SELECT window_start, category, sum(amount) AS s FROM orders
     GROUP BY TUMBLE(ordered_at, INTERVAL '60 seconds'), category",
    "SELECT TUMBLE_START(ordered_at, INTERVAL '1 minute') AS window_start, category, sum(orders.amount) AS s FROM orders
     GROUP BY TUMBLE(ordered_at, INTERVAL '1 minute'), category",
    "SELECT o.window_start, o.category, sum(o.amount) AS s FROM orders AS o
     GROUP BY TUMBLE(o.ordered_at, INTERVAL '1 minute'), o.category",
    "SELECT orders.window_start, category, sum(amount) AS s FROM TUMBLE((SELECT * FROM orders), ordered_at, INTERVAL '1 minute') orders
     GROUP BY orders.window_start, orders.window_end, category",
];

#[test]
fn every_spelling_of_a_window_is_one_window() {
    for query in SPELLED {
        let found = plan(query).join("\n");
        assert!(found.contains("tumble_start(") && found.contains("Int64(60000000)"), "{query}\n{found}");
        assert!(found.contains("Aggregate: groupBy=["), "{found}");
        let view = view(&both(), &format!("CREATE MATERIALIZED VIEW v AS {query}"));
        assert_eq!(view.key, [0, 1], "{query}\n{found}");
        assert_eq!(view.schema.field(0).name(), "window_start");
    }
}

#[test]
fn windows_of_every_kind_have_the_key_that_names_them() {
    let key = |query: &str| view(&both(), &format!("CREATE MATERIALIZED VIEW v AS {query}")).key;
    let hop = "HOP(orders, ordered_at, INTERVAL '1 minute', INTERVAL '2 minutes')";
    let grow = "CUMULATE(orders, ordered_at, INTERVAL '1 minute', INTERVAL '2 minutes')";
    // The start of a hopping window names it, that of a growing one does not.
    let counted = |edges: &str, from: &str| {
        format!("SELECT {edges}, count(*) AS n FROM {from} GROUP BY window_start, window_end")
    };
    assert_eq!(key(&counted("window_start, window_end", hop)), [0]);
    assert_eq!(key(&counted("window_end", hop)), [0]);
    assert_eq!(key(&counted("window_start, window_end", grow)), [0, 1]);
    assert_eq!(key(&counted("window_start", grow)), [] as [usize; 0]);
    let short = "SELECT HOP_END(o.ordered_at, INTERVAL '1 minute', INTERVAL '2 minutes') AS e, category, count(*) AS n \
                 FROM orders o GROUP BY category, HOP(o.ordered_at, INTERVAL '1 minute', INTERVAL '2 minutes')";
    assert_eq!(key(short), [0, 1]);
    let visits = "SELECT category, window_start, window_end, count(*) AS n FROM orders \
                  GROUP BY category, SESSION(ordered_at, INTERVAL '30 minutes')";
    let found = plan(visits).join("\n");
    assert!(found.contains("Session: time=orders.ordered_at, gap=1800000000 us, keys=[orders.category]"), "{found}");
    assert_eq!(key(visits), [0, 1, 2]);
}

#[test]
fn filters_stand_above_scans_and_scans_read_what_is_used() {
    let found = plan("SELECT order_id FROM orders WHERE amount > 1 AND category = 'a'");
    let scan = found.last().unwrap();
    assert_eq!(scan, "TableScan: orders projection=[order_id, category, amount]");
    assert!(found.iter().any(|line| line.starts_with("Filter: ")), "{found:?}");
    let found = plan("SELECT count(*) AS n FROM orders");
    assert_eq!(found.last().unwrap(), "TableScan: orders projection=[]");
}

#[test]
fn decimals_are_not_taken_through_floats() {
    let found = plan("SELECT amount * 1.1 AS taxed FROM orders").join("\n");
    assert!(!found.contains("Float64"), "{found}");
}

#[test]
fn names_that_do_not_exist_are_underlined_with_a_guess() {
    assert_eq!(refused("SELECT amout FROM orders"), ["there is no column amout [amout] (did you mean amount?)"]);
    assert_eq!(refused("SELECT 1 AS one FROM oders"), ["there is no relation oders [oders] (did you mean orders?)"]);
    assert_eq!(
        refused("SELECT o.amount FROM orders AS o WHERE o.categry = 'x'"),
        ["there is no column o.categry [o.categry] (did you mean category?)"]
    );
    let found = refused("SELECT no_such(amount) AS n FROM orders");
    assert!(found[0].starts_with("Invalid function 'no_such' [no_such"), "{found:?}");
    assert_eq!(
        refused("SELECT x FROM TUMBLE(oders, ordered_at, INTERVAL '1 minute')"),
        ["there is no relation oders [oders] (did you mean orders?)"]
    );
    assert_eq!(
        refused("SELECT order_id FROM TUMBLE(orders, orderd_at, INTERVAL '1 minute')"),
        ["there is no column orderd_at [orderd_at] (did you mean ordered_at?)"]
    );
}

#[test]
fn several_wrong_columns_are_told_at_once() {
    assert_eq!(refused("SELECT amout, categry FROM orders").len(), 2);
}

#[test]
fn what_would_not_repeat_is_refused_in_views() {
    assert_eq!(refused("SELECT random() AS r FROM orders"), ["random cannot be used in a view [random]"]);
    assert_eq!(refused("SELECT uuid() AS r FROM orders"), ["uuid cannot be used in a view [uuid]"]);
    for word in ["now()", "current_date", "current_timestamp", "current_time()"] {
        let name = word.trim_end_matches("()");
        assert_eq!(
            refused(&format!("SELECT order_id FROM orders WHERE ordered_at > {word}"))[0],
            format!("{name} cannot be used in a view [{name}] (use a time column of the rows)")
        );
    }
}

#[test]
fn windows_that_are_none_are_refused() {
    let tumble = |args: &str| refused(&format!("SELECT window_start FROM TUMBLE({args})"));
    assert_eq!(
        tumble("orders, ordered_at, INTERVAL '1 month'"),
        ["the size of a window: months and years have no fixed length; give days or less ['1 month']"]
    );
    assert_eq!(
        tumble("orders, ordered_at, INTERVAL '0 seconds'"),
        ["the size of a window must be positive ['0 seconds']"]
    );
    assert_eq!(tumble("orders, amount, INTERVAL '1 day'"), ["windows need a TIMESTAMP, not DECIMAL(10, 2) [amount]"]);
    assert!(tumble("orders, ordered_at")[0].starts_with("TUMBLE takes a relation, a time column and a size"));
    assert!(
        refused("SELECT * FROM HOP(orders, ordered_at, INTERVAL '1 minute')")[0].starts_with("HOP takes a relation")
    );
    assert!(
        refused("SELECT count(*) AS n FROM orders GROUP BY HOP(ordered_at, INTERVAL '1 minute')")[0]
            .starts_with("in GROUP BY, HOP takes a time column and a slide and a size")
    );
    let joined = "SELECT count(*) AS n FROM orders o JOIN clicks c ON o.order_id = c.user_id GROUP BY TUMBLE(at, INTERVAL '1 hour')";
    assert!(refused(joined)[0].starts_with("GROUP BY TUMBLE(time, size) needs exactly one relation in FROM"));
    let other = "SELECT TUMBLE_START(ordered_at, INTERVAL '2 hours') AS s FROM orders GROUP BY TUMBLE(ordered_at, INTERVAL '1 hour')";
    assert_eq!(refused(other), ["tumble_start must name the window that the SELECT groups by [TUMBLE_START]"]);
}

#[test]
fn columns_of_views_have_names_of_their_own() {
    assert_eq!(
        refused("SELECT o.order_id, c.user_id AS order_id FROM orders o JOIN clicks c ON o.order_id = c.user_id"),
        ["two columns are called order_id [SELECT o.order_id, c.user_id AS order_id FROM orders o JOIN clicks c \
          ON o.order_id = c.user_id] (rename one with AS)"]
    );
    assert_eq!(
        refused("SELECT sum(amount) AS a, sum(CAST(amount AS DOUBLE)) AS b FROM orders"),
        ["two columns are called sum(orders.amount) [SELECT sum(amount) AS a, sum(CAST(amount AS DOUBLE)) AS b \
          FROM orders] (where they differ only in a cast, compute one under a name of its own in a subquery of FROM)"]
    );
    let apart =
        "SELECT sum(amount) AS a, sum(f) AS b FROM (SELECT amount, CAST(amount AS DOUBLE) AS f FROM orders) AS s";
    assert!(plan(apart)[0].contains(" AS a") && plan(apart)[0].contains(" AS b"));
}
