//! Declarations resolved and refused.

use arrow::datatypes::DataType;

use super::*;
use crate::testing::{ORDERS, SECOND, refusals, relations, stream, try_stream, try_view, view};

#[test]
fn a_stream_is_resolved() {
    let orders = stream(ORDERS);
    let types: Vec<_> = orders.schema.fields().iter().map(|field| field.data_type().clone()).collect();
    assert_eq!(types, [DataType::Int64, DataType::Utf8View, DataType::Decimal128(10, 2), timestamp_type()]);
    assert!(!orders.schema.field(0).is_nullable() && orders.schema.field(1).is_nullable());
    assert_eq!(orders.watermark, Some(Watermark { column: 3, delay_us: 5 * SECOND }));
    assert_eq!((orders.partitions, orders.format), (2, Format::Json));
}

#[test]
fn options_and_keys_are_resolved() {
    let clicks = stream(
        "CREATE STREAM Clicks (user_id BIGINT, \"Page\" TEXT, at TIMESTAMP, WATERMARK FOR at AS at)
         PARTITION KEY (\"Page\", user_id)
         WITH (format = 'csv', max_future = '1 hour', idle_timeout = '30 seconds', retention = '7 days')",
    );
    assert_eq!((clicks.name.as_str(), clicks.topic.as_str(), clicks.format), ("clicks", "clicks", Format::Csv));
    assert_eq!(clicks.partition_key, [1, 0]);
    assert_eq!(clicks.watermark, Some(Watermark { column: 2, delay_us: 0 }));
    assert_eq!(clicks.max_future_us, Some(3600 * SECOND));
    assert_eq!(clicks.idle_timeout, Some(Duration::from_secs(30)));
    assert_eq!(clicks.retention, Some(Duration::from_secs(7 * 86400)));
}

#[test]
fn a_watermark_is_a_fixed_delay_behind_its_column() {
    let refused = |expression: &str| {
        let text = format!("CREATE STREAM s (a BIGINT, at TIMESTAMP, WATERMARK FOR at AS {expression})");
        refusals(try_stream(&text))
    };
    let shape = |written: &str| {
        format!(
            "a watermark is its column, or its column less a constant interval [{written}] \
             (write at - INTERVAL '5 seconds')"
        )
    };
    assert_eq!(refused("at + INTERVAL '1 second'"), [shape("at + INTERVAL '1 second'")]);
    assert_eq!(refused("date_trunc('day', at)"), [shape("date_trunc('day', at)")]);
    assert_eq!(
        refused("at - INTERVAL '1 month'"),
        [
            "the delay of a watermark: months and years have no fixed length; give days or less [at - INTERVAL '1 month']"
        ]
    );
    assert_eq!(
        refused("at - INTERVAL '-1 second'"),
        ["the delay of a watermark: it must not be negative [at - INTERVAL '-1 second']"]
    );
    let text = "CREATE STREAM s (a BIGINT, WATERMARK FOR a AS a)";
    assert_eq!(refusals(try_stream(text)), ["a watermark needs a TIMESTAMP; a is of type BIGINT [a]"]);
}

#[test]
fn types_that_no_column_can_have_are_refused_by_name() {
    let refused = |sql: &str| refusals(try_stream(&format!("CREATE STREAM s (a {sql})"))).remove(0);
    assert!(refused("INTERVAL").starts_with("a column cannot be of type INTERVAL [INTERVAL]"));
    assert!(refused("DECIMAL(39, 2)").starts_with("DECIMAL(p, s) takes p from 1 to 38"));
    assert!(refused("VARCHAR(10)").contains("VARCHAR takes no length"));
    assert!(refused("TIMESTAMP(9)").contains("microseconds"));
}

#[test]
fn a_view_has_its_groups_as_key() {
    let relations = relations(&[ORDERS]);
    let key = |query: &str| view(&relations, &format!("CREATE MATERIALIZED VIEW v AS {query}")).key;
    assert_eq!(key("SELECT category, count(*) AS n FROM orders GROUP BY category"), [0]);
    assert_eq!(key("SELECT count(*) AS n, upper(category) AS c FROM orders GROUP BY upper(category)"), [1]);
    assert_eq!(key("SELECT count(*) AS n FROM orders GROUP BY category"), [] as [usize; 0]);
    assert_eq!(key("SELECT category, amount FROM orders"), [] as [usize; 0]);
    assert_eq!(key("SELECT DISTINCT category, amount FROM orders"), [0, 1]);
    let windowed = "FROM TUMBLE(orders, ordered_at, INTERVAL '1 minute') GROUP BY window_start, window_end, category";
    assert_eq!(key(&format!("SELECT window_start, category, sum(amount) AS s {windowed}")), [0, 1]);
    assert_eq!(key(&format!("SELECT sum(amount) AS s, category, window_end {windowed}")), [1, 2]);
    assert_eq!(key(&format!("SELECT sum(amount) AS s, category {windowed}")), [] as [usize; 0]);
    assert_eq!(key(&format!("SELECT window_start, window_end, category {windowed}")), [0, 2]);
}

#[test]
fn a_view_of_numbered_rows_has_their_partition_and_place_as_key() {
    let relations = relations(&[ORDERS]);
    let key = |query: &str| view(&relations, &format!("CREATE MATERIALIZED VIEW v AS {query}")).key;
    let numbered =
        "(SELECT *, row_number() OVER (PARTITION BY category ORDER BY ordered_at DESC) AS place FROM orders)";
    let none: [usize; 0] = [];
    assert_eq!(key(&format!("SELECT order_id, category FROM {numbered} WHERE place = 1")), [1]);
    assert_eq!(key(&format!("SELECT category AS c, amount FROM {numbered} WHERE amount > 1 AND place <= 1")), [0]);
    assert_eq!(key(&format!("SELECT order_id, category, place FROM {numbered} WHERE place <= 3")), [1, 2]);
    assert_eq!(key(&format!("SELECT place, category FROM {numbered}")), [0, 1]);
    assert_eq!(key(&format!("SELECT order_id, category FROM {numbered} WHERE place <= 3")), none);
    assert_eq!(key(&format!("SELECT order_id FROM {numbered} WHERE place = 1")), none);
    assert_eq!(key(&format!("SELECT order_id, category FROM {numbered} WHERE place = 2")), none);
    // Ranks are equal for equal rows; numbers of a sum are no numbers of rows.
    let ranked = numbered.replace("row_number()", "rank()");
    assert_eq!(key(&format!("SELECT order_id, category FROM {ranked} WHERE place = 1")), none);
    assert_eq!(key(&format!("SELECT category, place + 1 AS place FROM {numbered} WHERE place < 3")), none);
    // What a partition is by an expression is no column.
    let by_length = numbered.replace("PARTITION BY category", "PARTITION BY length(category)");
    assert_eq!(key(&format!("SELECT length(category) AS l, amount FROM {by_length} WHERE place = 1")), none);
    // Other window functions leave the key of what is below them.
    assert_eq!(key("SELECT category, rank() OVER (ORDER BY count(*)) AS r, count(*) AS n FROM orders GROUP BY 1"), [0]);
    assert_eq!(key("SELECT order_id, row_number() OVER (ORDER BY order_id) AS place FROM orders"), [1]);
}

#[test]
fn a_view_has_columns_that_can_be_stored() {
    let relations = relations(&[ORDERS]);
    let text =
        "CREATE MATERIALIZED VIEW v AS SELECT concat(category, 'x') AS c, sum(amount) AS s FROM orders GROUP BY 1";
    let types: Vec<_> = view(&relations, text).schema.fields().iter().map(|field| field.data_type().clone()).collect();
    assert_eq!(types, [DataType::Utf8View, DataType::Decimal128(20, 2)]);
    let text = "CREATE MATERIALIZED VIEW v AS SELECT ordered_at - ordered_at AS d, make_array(1) AS a FROM orders";
    let refused = refusals(try_view(&relations, text));
    assert_eq!(refused.len(), 2, "{refused:?}");
}

#[test]
fn rules_stand_on_views_as_on_streams() {
    let relations = relations(&[ORDERS]);
    let clean = "CREATE MATERIALIZED VIEW clean (CONSTRAINT priced EXPECT (total >= 0) ON VIOLATION QUARANTINE)
                 AS SELECT order_id, amount AS total FROM orders";
    let clean = view(&relations, clean);
    assert_eq!(clean.rules.rules()[0].columns, [1]);
    assert_eq!(clean.rules.rules()[0].text, "total >= 0");
}
