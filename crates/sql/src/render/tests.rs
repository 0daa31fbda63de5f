//! Rendered statements parse to what they were rendered from.

use expect_test::expect;
use proptest::prelude::*;

use crate::ast::{CreateStream, CreateTable};
use crate::{SourceText, Statement, parse};

fn stream(text: &str) -> CreateStream {
    let parsed = parse(&SourceText::new("s.sql", text)).unwrap_or_else(|wrong| panic!("{text}\n{wrong}")).remove(0);
    let Statement::CreateStream(create) = parsed.statement else { panic!("no stream: {text}") };
    create
}

fn table(text: &str) -> CreateTable {
    let parsed = parse(&SourceText::new("t.sql", text)).unwrap_or_else(|wrong| panic!("{text}\n{wrong}")).remove(0);
    let Statement::CreateTable(create) = parsed.statement else { panic!("no table: {text}") };
    create
}

/// Everything that a stream says, without its places.
fn said(create: &CreateStream) -> impl PartialEq + std::fmt::Debug {
    let columns: Vec<_> =
        create.columns.iter().map(|one| (one.name.clone(), one.data_type.clone(), one.not_null)).collect();
    let columns: Vec<_> = columns.into_iter().map(|(name, kind, not_null)| (name.value, kind, not_null)).collect();
    let watermark = create.watermark.as_ref().map(|one| (one.column.value.clone(), one.expression.to_string()));
    let rules: Vec<_> = create
        .rules
        .iter()
        .map(|rule| (rule.name.value.clone(), rule.condition.to_string(), rule.on_violation))
        .collect();
    let key: Vec<_> = create.partition_key.iter().map(|name| name.value.clone()).collect();
    let options: Vec<_> =
        create.options.entries().iter().map(|entry| (entry.name.value.clone(), format!("{:?}", entry.value))).collect();
    ((create.name.value.clone(), create.existing), columns, watermark, rules, key, options)
}

#[test]
fn a_stream_as_text() {
    let text = "create stream Orders (\"Id\" int8 not null, note text, \"primary\" DECIMAL(10,2),
        at timestamp, watermark for at as at - interval '5 seconds', -- late
        constraint \"Sane\" expect (note <> 'it''s' -- never
            and true) on violation warn) with (format = 'csv', retention = '7 days') partition key (\"Id\")";
    expect![[r#"
        CREATE STREAM orders (
            "Id" INT8 NOT NULL,
            note TEXT,
            "primary" DECIMAL(10,2),
            at TIMESTAMP,
            WATERMARK FOR at AS at - interval '5 seconds',
            CONSTRAINT "Sane" EXPECT (note <> 'it''s' -- never
                    and true) ON VIOLATION WARN
        )
        PARTITION KEY ("Id")
        WITH (format = 'csv', retention = '7 days')"#]]
    .assert_eq(&stream(text).to_sql());
}

#[test]
fn tables_as_text() {
    let one = "CREATE TABLE IF NOT EXISTS t (a INT PRIMARY KEY, \"B\" DATE NOT NULL,
        CONSTRAINT c EXPECT (a > 0) ON VIOLATION FAIL) PARTITIONED BY (\"B\")";
    expect![[r#"
        CREATE TABLE IF NOT EXISTS t (
            a INT,
            "B" DATE NOT NULL,
            PRIMARY KEY (a),
            CONSTRAINT c EXPECT (a > 0) ON VIOLATION FAIL
        )
        PARTITIONED BY ("B")"#]]
    .assert_eq(&table(one).to_sql());
    for text in [
        one,
        "CREATE OR REPLACE TABLE t (PRIMARY KEY (a)) PARTITIONED BY (b) AS SELECT 1 AS a, 2 AS b",
        "CREATE TABLE t AS VALUES (1)",
    ] {
        let once = table(text).to_sql();
        assert_eq!(table(&once).to_sql(), once);
    }
}

fn names() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z_][a-z0-9_]{0,8}",
        "[A-Z][a-zA-Z0-9_.-]{0,8}",
        Just("constraint".to_owned()),
        Just("watermark".to_owned()),
        Just("primary".to_owned()),
        Just("select".to_owned()),
        Just("not".to_owned()),
    ]
}

fn types() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "BIGINT",
        "int4",
        "VARCHAR",
        "text",
        "DECIMAL(12, 3)",
        "numeric",
        "double precision",
        "FLOAT(24)",
        "BOOLEAN",
        "TIMESTAMP",
        "timestamp without time zone",
        "DATE",
        "REAL",
        "INT[]",
        "ARRAY<VARCHAR>",
    ])
}

fn conditions() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "a > 0",
        "\"A\" IN (1, 2) AND NOT b",
        "x LIKE 'it''s %'",
        "(a)",
        "CASE WHEN a THEN true ELSE b END",
        "a BETWEEN - 1 AND + 1 -- note\n OR c",
        "length(note) < 5 /* so */",
        "a::DATE = DATE '2026-01-01'",
    ])
}

fn quoted(name: &str) -> String {
    format!("\"{name}\"")
}

prop_compose! {
    fn texts()(
        name in names(),
        columns in prop::collection::vec((names(), types(), any::<bool>()), 1..6),
        rules in prop::collection::vec((names(), conditions(), 0usize..4), 0..4),
        watermark in any::<bool>(),
        keyed in any::<bool>(),
        options in prop::sample::subsequence(
            vec!["partitions = 3", "format 'csv'", "RETENTION = '1 day'", "max_future 'none'"], 0..=4),
        opening in prop::sample::select(vec!["CREATE STREAM", "CREATE OR REPLACE STREAM", "CREATE STREAM IF NOT EXISTS"]),
    ) -> String {
        let mut seen = std::collections::BTreeSet::new();
        let columns: Vec<_> = columns.into_iter().filter(|(name, ..)| seen.insert(name.clone())).collect();
        let mut body: Vec<String> = columns.iter()
            .map(|(name, kind, not_null)| format!("{} {kind}{}", quoted(name), if *not_null { " NOT NULL" } else { "" }))
            .collect();
        if watermark {
            let column = quoted(&columns[0].0);
            body.push(format!("WATERMARK FOR {column} AS {column} - INTERVAL '1 minute'"));
        }
        let mut seen = std::collections::BTreeSet::new();
        for (name, condition, action) in rules.into_iter().filter(|(name, ..)| seen.insert(name.clone())) {
            let action = ["QUARANTINE", "WARN", "DROP", "FAIL"][action];
            body.push(format!("CONSTRAINT {} EXPECT ({condition}\n) ON VIOLATION {action}", quoted(&name)));
        }
        let key = if keyed { format!(" PARTITION KEY ({})", quoted(&columns[0].0)) } else { String::new() };
        format!("{opening} {} ({}){key} WITH ({})", quoted(&name), body.join(", "), options.join(", "))
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_rendered_stream_parses_to_the_same(text in texts()) {
        let first = stream(&text);
        let rendered = first.to_sql();
        let second = stream(&rendered);
        prop_assert_eq!(said(&first), said(&second));
        prop_assert_eq!(second.to_sql(), rendered);
    }
}
