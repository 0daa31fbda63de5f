//! Texts in, statements or rendered errors out.

mod alerts;
mod charts;
mod deep;
mod expectations;
mod experiments;
mod learning;
mod project_tests;
mod random;
mod refused;
mod statements;

use std::collections::BTreeMap;
use std::fmt::Write;

use expect_test::{Expect, expect};

use super::*;
use crate::ast::{CreateMaterializedView, CreateSource, CreateStream, Name, Origin, Refresh, Rule};
use crate::{Options, Value};

fn check(text: &str, expect: Expect) {
    let (parsed, wrong) = parse_with_recovery(&SourceText::new("orders.sql", text));
    expect.assert_eq(&told(&parsed, &wrong));
}

fn told(parsed: &[Parsed], wrong: &[Diagnostic]) -> String {
    let mut told = String::new();
    for one in parsed {
        describe(&one.statement, &mut told).unwrap();
    }
    for one in wrong {
        write!(told, "{one}").unwrap();
    }
    told
}

fn describe(statement: &Statement, told: &mut String) -> std::fmt::Result {
    match statement {
        Statement::CreateStream(create) => describe_stream(create, told),
        Statement::CreateSource(CreateSource { name, into, from, options, .. }) => {
            writeln!(told, "source {name} into {}", into.as_ref().map_or("itself", |name| &name.value))?;
            match from {
                Origin::Files(files) => writeln!(told, "  files {}", list(files))?,
                Origin::Generator(generator) => writeln!(told, "  generator {}", list(generator))?,
            }
            writeln!(told, "  with {}", list(options))
        }
        Statement::CreateMaterializedView(view) => describe_view(view, told),
        Statement::Query(query) => writeln!(told, "query {}", query.query),
        Statement::Explain(explain) => {
            let (analyze, verbose) = (explain.analyze, explain.verbose);
            writeln!(told, "explain analyze={analyze} verbose={verbose} {}", explain.query.query)
        }
        other => statements::describe(other, told),
    }
}

fn describe_stream(create: &CreateStream, told: &mut String) -> std::fmt::Result {
    writeln!(told, "stream {}", create.name)?;
    for column in &create.columns {
        writeln!(told, "  {} {}{}", column.name, column.data_type, if column.not_null { " NOT NULL" } else { "" })?;
    }
    if let Some(watermark) = &create.watermark {
        writeln!(told, "  watermark {} = {}", watermark.column, watermark.expression)?;
    }
    rules(&create.rules, told)?;
    writeln!(told, "  key {} with {}", names(&create.partition_key), list(&create.options))
}

fn describe_view(view: &CreateMaterializedView, told: &mut String) -> std::fmt::Result {
    writeln!(told, "view {}", view.name)?;
    rules(&view.rules, told)?;
    writeln!(told, "  key {} with {} emit {:?}", names(&view.partition_key), list(&view.options), view.emit)?;
    if view.refresh != Refresh::Continuous {
        writeln!(told, "  files {} {:?}", names(&view.partitioned_by), view.refresh)?;
    }
    writeln!(told, "  as {}", view.query_text)
}

fn rules(rules: &[Rule], told: &mut String) -> std::fmt::Result {
    for rule in rules {
        writeln!(told, "  rule {} ({}) {}", rule.name, rule.condition_text, rule.on_violation)?;
    }
    Ok(())
}

fn names(names: &[Name]) -> String {
    format!("({})", names.iter().map(|name| name.value.as_str()).collect::<Vec<_>>().join(", "))
}

fn list(options: &Options) -> String {
    let value = |value: &Value| match value {
        Value::Text(text) => format!("'{text}'"),
        Value::Number(number) => number.clone(),
        Value::Boolean(value) => value.to_string(),
        Value::List(options) => list(options),
        Value::Secret(name) => format!("secret {name}"),
    };
    let entries = options.entries().iter().map(|entry| format!("{} = {}", entry.name, value(&entry.value)));
    format!("({})", entries.collect::<Vec<_>>().join(", "))
}

const ORDERS: &str = "CREATE STREAM Orders (
    order_id    BIGINT NOT NULL,
    \"Customer\"  VARCHAR(20),
    amount      DECIMAL(10, 2) NULL,
    tags        ARRAY<VARCHAR>,
    ordered_at  TIMESTAMP NOT NULL,
    WATERMARK FOR ordered_at AS ordered_at - INTERVAL '5 seconds',
    CONSTRAINT sane_amount EXPECT (amount BETWEEN 0 AND 10000) ON VIOLATION QUARANTINE, -- as agreed
    CONSTRAINT known EXPECT (\"Customer\" <> '') on violation warn
)
PARTITION KEY (order_id, \"Customer\")
WITH (partitions = 4, FORMAT = 'json', retention = '7 days')";

#[test]
fn streams() {
    check(
        ORDERS,
        expect![[r#"
        stream orders
          order_id BIGINT NOT NULL
          Customer VARCHAR(20)
          amount DECIMAL(10,2)
          tags ARRAY<VARCHAR>
          ordered_at TIMESTAMP NOT NULL
          watermark ordered_at = ordered_at - INTERVAL '5 seconds'
          rule sane_amount (amount BETWEEN 0 AND 10000) QUARANTINE
          rule known ("Customer" <> '') WARN
          key (order_id, Customer) with (partitions = 4, format = 'json', retention = '7 days')
    "#]],
    );
    check(
        "CREATE STREAM watermark (watermark INT, expect TEXT, partition DATE)",
        expect![[r#"
        stream watermark
          watermark INT
          expect TEXT
          partition DATE
          key () with ()
    "#]],
    );
    check(
        "CREATE STREAM \"Clicks.v1\" (a INT) WITH () PARTITION KEY (A)",
        expect![[r#"
        stream Clicks.v1
          a INT
          key (a) with ()
    "#]],
    );
}

#[test]
fn sources() {
    check(
        "CREATE SOURCE files INTO orders FROM FILES (PATH 'data/orders/*.csv', FORMAT 'csv', FOLLOW true, SPEED -1.5);
         create source demo from generator (RATE 1000, SEED = 7, FIELDS (id = 'sequence', \"Name\" = 'one of a, b'))
         with (enabled = FALSE)",
        expect![[r#"
            source files into orders
              files (path = 'data/orders/*.csv', format = 'csv', follow = true, speed = -1.5)
              with ()
            source demo into itself
              generator (rate = 1000, seed = 7, fields = (id = 'sequence', Name = 'one of a, b'))
              with (enabled = false)
        "#]],
    );
}

#[test]
fn views() {
    check(
        "CREATE MATERIALIZED VIEW clean (CONSTRAINT priced EXPECT (amount >= 0) ON VIOLATION QUARANTINE)
         AS SELECT * FROM orders;
         CREATE MATERIALIZED VIEW per_minute REFRESH CONTINUOUS PARTITION KEY (category) AS
         SELECT window_start, category, sum(amount) AS revenue FROM TUMBLE(orders, ordered_at, INTERVAL '1 minute')
         GROUP BY window_start, window_end, category EMIT ON WINDOW CLOSE WITH (partitions = 2);
         CREATE MATERIALIZED VIEW a WITH (format = 'csv') AS SELECT emit FROM emit EMIT CHANGES;
         CREATE MATERIALIZED VIEW b AS (WITH x AS (SELECT 1) SELECT * FROM x) WITH (format = 'csv') EMIT CHANGES;
         CREATE MATERIALIZED VIEW c EMIT CHANGES AS VALUES (1);
         CREATE MATERIALIZED VIEW d EMIT CHANGES EVERY INTERVAL '90' SECOND AS VALUES (1);
         CREATE MATERIALIZED VIEW e (sold_on, n) PARTITIONED BY (sold_on) REFRESH EVERY '1 day' OFFSET '2 hours'
         WITH (replace = 'partitions', lookback = '3 days', retries = 3) AS SELECT day, count(*) FROM a GROUP BY day;
         CREATE MATERIALIZED VIEW f REFRESH CRON '0 2 * * *' TIME ZONE 'Europe/Zurich' AS VALUES (1);
         CREATE MATERIALIZED VIEW g REFRESH MANUAL AS VALUES (1)",
        expect![[r#"
            view clean
              rule priced (amount >= 0) QUARANTINE
              key () with () emit None
              as SELECT * FROM orders
            view per_minute
              key (category) with (partitions = 2) emit Some(OnWindowClose)
              as SELECT window_start, category, sum(amount) AS revenue FROM TUMBLE(orders, ordered_at, INTERVAL '1 minute')
                     GROUP BY window_start, window_end, category
            view a
              key () with (format = 'csv') emit Some(Changes)
              as SELECT emit FROM emit
            view b
              key () with (format = 'csv') emit Some(Changes)
              as (WITH x AS (SELECT 1) SELECT * FROM x)
            view c
              key () with () emit Some(Changes)
              as VALUES (1)
            view d
              key () with () emit Some(ChangesEvery(90s))
              as VALUES (1)
            view e
              key () with (replace = 'partitions', lookback = '3 days', retries = 3) emit None
              files (sold_on) Scheduled(Every { every: 86400s, offset: 7200s })
              as SELECT day, count(*) FROM a GROUP BY day
            view f
              key () with () emit None
              files () Scheduled(Cron(Cron { fields: "0 2 * * *", fields_span: Span { start: 1081, end: 1092 }, zone: Some(("Europe/Zurich", Span { start: 1103, end: 1118 })) }))
              as VALUES (1)
            view g
              key () with () emit None
              files () Scheduled(Manual)
              as VALUES (1)
        "#]],
    );
}

#[test]
fn queries() {
    check(
        "select A, \"B\" from t where x = 'é' -- done
         ; VALUES (1, 2); ((SELECT 1)); EXPLAIN ANALYZE VERBOSE SELECT 1; explain (select 2);; TABLE t; FROM t;
         SELECT * FROM HOP(t, at, INTERVAL '1' MINUTE, INTERVAL '1' HOUR) GROUP BY TUMBLE(at, INTERVAL '1 hour')",
        expect![[r#"
            query SELECT A, "B" FROM t WHERE x = 'é'
            query VALUES (1, 2)
            query ((SELECT 1))
            explain analyze=true verbose=true SELECT 1
            explain analyze=false verbose=false (SELECT 2)
            query TABLE t
            query FROM t
            query SELECT * FROM HOP(t, at, INTERVAL '1' MINUTE, INTERVAL '1' HOUR) GROUP BY TUMBLE(at, INTERVAL '1 hour')
        "#]],
    );
}

#[test]
fn windows_of_flinks_spelling() {
    check(
        "SELECT * FROM TUMBLE(TABLE bids, DESCRIPTOR(at), INTERVAL '10' SECOND);
         SELECT * FROM TABLE(HOP(TABLE bids, DESCRIPTOR(at), INTERVAL '5' SECOND, INTERVAL '10' SECOND));
         SELECT * FROM SESSION(bids, at, INTERVAL '10 seconds', PARTITION BY bidder, channel)
         JOIN TABLE(CUMULATE(bids, at, INTERVAL '1 minute', INTERVAL '1 hour')) AS c ON true;
         SELECT sum(x) OVER (PARTITION BY a), tumble FROM session WHERE hop(x, descriptor(y)) = table_1;
         SELECT * FROM o JOIN rates FOR SYSTEM_TIME AS OF o.at AS r ON o.c = r.c JOIN s FOR SYSTEM_TIME AS OF at ON true;
         SELECT TUMBLE(",
        expect![[r#"
            query SELECT * FROM TUMBLE(bids, at, INTERVAL '10' SECOND)
            query SELECT * FROM HOP(bids, at, INTERVAL '5' SECOND, INTERVAL '10' SECOND)
            query SELECT * FROM SESSION(bids, at, INTERVAL '10 seconds', bidder, channel) JOIN CUMULATE(bids, at, INTERVAL '1 minute', INTERVAL '1 hour') AS c ON true
            query SELECT sum(x) OVER (PARTITION BY a), tumble FROM session WHERE hop(x, y) = table_1
            query SELECT * FROM o JOIN rates AS r FOR SYSTEM_TIME AS OF o.at ON o.c = r.c JOIN s FOR SYSTEM_TIME AS OF at ON true
            error: expected an expression, found the end of the statement
             --> orders.sql:7:24
              |
            7 |          SELECT TUMBLE(
              |                        ^
        "#]],
    );
    let source = SourceText::new(
        "a.sql",
        "CREATE MATERIALIZED VIEW v AS SELECT * FROM TABLE(TUMBLE(TABLE b, DESCRIPTOR(at), x))",
    );
    let parsed = parse(&source).unwrap().remove(0);
    let Statement::CreateMaterializedView(view) = parsed.statement else { panic!("not a view") };
    assert_eq!(view.query_text, "SELECT * FROM TABLE(TUMBLE(TABLE b, DESCRIPTOR(at), x))");
    assert_eq!(canonical(&view.query_text).unwrap(), "select * from tumble (b, at, x)");
}

#[test]
fn every_place_of_a_statement_is_known() {
    let source = SourceText::new("orders.sql", format!("-- head\n{ORDERS} ;"));
    let parsed = parse(&source).unwrap().remove(0);
    assert_eq!(source.slice(parsed.span), ORDERS);
    assert_eq!(parsed.text, ORDERS);
    let Statement::CreateStream(create) = parsed.statement else { panic!("not a stream") };
    let watermark = create.watermark.unwrap();
    let spans = [
        create.name.span,
        create.columns[1].name.span,
        create.columns[2].span,
        create.columns[3].data_type_span,
        watermark.span,
        watermark.expression_span,
        create.rules[0].condition_span,
        create.rules[1].span,
        create.partition_key[1].span,
        create.options.span,
        create.options.entries()[1].span,
        create.options.entries()[2].value_span,
    ];
    let told = spans.map(|span| source.slice(span).to_owned()).join("\n");
    expect![[r#"
        Orders
        "Customer"
        amount      DECIMAL(10, 2) NULL
        ARRAY<VARCHAR>
        WATERMARK FOR ordered_at AS ordered_at - INTERVAL '5 seconds'
        ordered_at - INTERVAL '5 seconds'
        amount BETWEEN 0 AND 10000
        CONSTRAINT known EXPECT ("Customer" <> '') on violation warn
        "Customer"
        (partitions = 4, FORMAT = 'json', retention = '7 days')
        FORMAT = 'json'
        '7 days'"#]]
    .assert_eq(&told);
}

#[test]
fn settings_fill_in_and_places_stay() {
    let text = "CREATE SOURCE clicks_demo INTO ${stream} FROM GENERATOR (RATE ${rate}) WITH (enabled = ${demo});
SELECT ${what} FRM t WHERE x = ${rate}";
    let settings = [("stream", "\"Clicks\""), ("rate", "100"), ("demo", "true"), ("what", "a,\n b,")];
    let settings: BTreeMap<_, _> = settings.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    let template = Template::fill(&SourceText::new("a.sql", text), &settings).unwrap();
    let (parsed, wrong) = parse_template_with_recovery(&template);
    expect![[r#"
        source clicks_demo into Clicks
          generator (rate = 100)
          with (enabled = true)
        query SELECT a, b, FRM AS t WHERE x = 100
    "#]]
    .assert_eq(&told(&parsed, &wrong));
    let Statement::CreateSource(create) = &parsed[0].statement else { panic!("not a source") };
    assert_eq!(parsed[0].source.slice(create.into.as_ref().unwrap().span), "${stream}");
    assert_eq!(parsed[0].text.matches("\"Clicks\"").count(), 1);
}

#[test]
fn canonical_forms() {
    let form = |text: &str| canonical(text).unwrap();
    expect![[r#"create stream orders (order_id bigint not null, "Customer" varchar (20), amount decimal (10, 2) null, tags array < varchar >, ordered_at timestamp not null, watermark for ordered_at as ordered_at - interval '5 seconds', constraint sane_amount expect (amount between 0 and 10000) on violation quarantine, constraint known expect ("Customer" <> '') on violation warn) partition key (order_id, "Customer") with (partitions = 4, format = 'json', retention = '7 days')"#]].assert_eq(&form(ORDERS));
    assert_eq!(form("select A . b,T.* from /* x */ T;"), form("SELECT a.B , t.*\n\n-- y\nFROM t"));
    assert_ne!(form("SELECT \"A\""), form("SELECT a"));
    assert_ne!(form("SELECT 'A'"), form("SELECT 'a'"));
    assert_eq!(form(&form(ORDERS)), form(ORDERS));
    assert_ne!(form("SELECT - -1"), form("SELECT 1"));
    let as_of = "SELECT * FROM o JOIN rates FOR SYSTEM_TIME AS OF o.at AS r ON o.c = r.c";
    assert_eq!(form(as_of), "select * from o join rates (system_time => o.at) as r on o.c = r.c");
    assert_eq!(form(&form(as_of)), form(as_of));
    assert!(canonical("SELECT 'a").is_err());
}
