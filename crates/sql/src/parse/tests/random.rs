//! Soup of tokens and damaged statements: any outcome but a panic, and every place within the text. What is parsed says
//! the same again in its canonical form.

use proptest::prelude::*;

use super::*;
use crate::session;

/// Every word that the parsers look for, of the language, of a connection's own statements and of projects' tests.
const WORDS: &str = "
    ABORT ABSOLUTE ADD ALL ALTER ANALYZE AND AS ASENSITIVE AUTHORIZATION BACKWARD BEGIN BINARY BY CALL CANCEL CASCADE
    CASE CHAIN CHANGES CHARACTERISTICS CHECK CLOSE COLLATE COLUMN COLUMNS COMMENT COMMIT COMMITTED CONFLICT CONNECTION
    CONSTRAINT CONTINUOUS COPY CREATE CRON CSV CURSOR DATA DEAD DEALLOCATE DECLARE DEFAULT DEFERRABLE DELETE DELIMITER
    DELTA DESC DESCRIBE DISCARD DROP DUPLICATE EMIT EMPTY ENCODING END ENV ESCAPE EVERY EXECUTE EXISTS EXPECT EXPLAIN
    EXTERNAL FAIL FALSE FETCH FILE FILES FIRST FOR FORMAT FORWARD FROM GENERATOR GIVEN GROUP HEADER HEADERS HOLD HTTP IF
    IN INSENSITIVE INSERT INTERVAL INTO IS ISOLATION JOIN JSON KAFKA KEY LAG LAST LETTERS LEVEL LIKE LIMIT LISTEN LOCAL
    LOCATION MANUAL MATCH MATERIALIZED MOVE NAMES NEXT NO NOT NULL OF OFF ON ONLY OPTIONS OR ORDER ORDERED PARQUET
    PARTITION PARTITIONED PASSWORD PATH PAUSE PLANS POSTGRES PREPARE PREPARED PRIMARY PRIOR PURGE QUARANTINE QUERY QUOTE
    RATE READ REFRESH RELATIONS RELATIVE RELEASE RENAME REPEATABLE REPLACE REPLAY RESET RESTRICT RESUME RETURNING
    ROLLBACK SAVEPOINT SCROLL SECRET SELECT SEQUENCES SERIALIZABLE SESSION SET SHOW SINK SINKS SOURCE SOURCES START STDIN
    STDOUT STORED STREAM STREAMS TABLE TABLES TARGET TEMP TEST TEXT THEN TIME TO TRANSACTION TRUE TUMBLE TYPE UNCOMMITTED
    UPDATE URL USER USERS USING VALUES VERBOSE VIEW VIEWS VIOLATION WATERMARK WHEN WHERE WINDOW WITH WITHOUT WORK WRITE
    ZONE ARRAY STRUCT CHART DASHBOARD LINE STAT ROW WIDE SERIES X Y BIGINT DECIMAL VARCHAR a b \"C\" orders enabled retention $1 1 -2.5e3 'text' '1_minute' ' \" ( ) , ; .
    FEATURE ENTITY KNOWN TTL MODEL PREDICT RETRAIN PROMOTE CHAMPION ONNX TRAIN ROLLBACK VERSION
    EXPERIMENT UNIT VARIANTS METRICS EXPOSURES VARIANT MEAN RATIO CUPED CAPPED GUARDRAIL DETECT LOWER BETTER
    = < > * + :: [ ] -- /* */ ${x} 水";

fn words() -> Vec<&'static str> {
    WORDS.split_whitespace().chain(["\n", " "]).collect()
}

/// One of each statement of the language.
const VALID: &[&str] = &[
    ORDERS,
    "CREATE SOURCE demo INTO s FROM GENERATOR (RATE 1000, FIELDS (id = 'a')) WITH (enabled = true)",
    "CREATE OR REPLACE SOURCE f INTO s FROM FILES (PATH 'data/*.csv', FORMAT 'csv', FOLLOW true)",
    "CREATE MATERIALIZED VIEW v (CONSTRAINT c EXPECT (a > 0) ON VIOLATION DROP) PARTITION KEY (a) AS
     SELECT a, count(*) FROM TUMBLE(t, at, INTERVAL '1 minute') GROUP BY a EMIT ON WINDOW CLOSE WITH (partitions = 2)",
    "WITH x AS (SELECT a FROM t JOIN u USING (a)) SELECT * FROM x WHERE a IN (SELECT 1) ORDER BY 1 LIMIT 5",
    "CREATE TABLE products (product_id BIGINT, name VARCHAR NOT NULL, PRIMARY KEY (product_id, Name),
     CONSTRAINT priced EXPECT (price >= 0) ON VIOLATION FAIL) PARTITIONED BY (name) WITH ()",
    "CREATE OR REPLACE TABLE copies PARTITIONED BY (day) AS SELECT * FROM orders",
    "CREATE EXTERNAL TABLE IF NOT EXISTS t (a INT, b TEXT) STORED AS csv LOCATION 'd' OPTIONS (header false, delimiter ';')",
    "CREATE VIEW cheap (id, cost) AS SELECT product_id, price FROM products WHERE price < 1",
    "CREATE SINK out FROM suspicious INTO FILES (PATH 'out/', FORMAT 'json') WITH (enabled = false)",
    "CREATE SINK hook AS SELECT a, (SELECT 1) FROM t INTO HTTP (URL 'http://localhost/', HEADERS (\"X-Key\" SECRET k))",
    "CREATE SINK alerts FROM large_orders INTO CONNECTION risk (PATH '/alerts', FORMAT 'json')",
    "CREATE CONNECTION shop TO HTTP (URL 'http://127.0.0.1:9000', HEADERS (authorization = SECRET risk_token))",
    "CREATE SECRET IF NOT EXISTS s FROM FILE '/run/secrets/s'; CREATE SECRET e FROM ENV 'E'",
    "CREATE OR REPLACE CHART c AS BAR (X a, Y (b, \"C\"), TITLE 'T', STACKED true) FROM (SELECT a, b, \"C\" FROM t);
     CREATE CHART s AS STAT (VALUE a, COMPARE b, UNIT 'EUR') FROM system.t; CREATE CHART t AS TABLE FROM t",
    "CREATE DASHBOARD d (ROW (a WIDE, b), ROW (c)) WITH (title = 'x', range = '30 days', refresh = '1 second')",
    "CREATE OR REPLACE USER bob PASSWORD SECRET bobs; ALTER USER anna WITH PASSWORD 'x'; DROP USER anna",
    "ALTER STREAM orders ADD COLUMN note VARCHAR, DROP COLUMN category, ALTER COLUMN amount TYPE DECIMAL(12, 2),
     ALTER id SET DATA TYPE BIGINT, SET (retention = '30 days')",
    "ALTER TABLE products ADD primary BOOLEAN",
    "ALTER SOURCE feed SET (enabled = false); ALTER SINK out SET (enabled = true)",
    "DROP MATERIALIZED VIEW IF EXISTS v, w PURGE CASCADE; DROP SINK x; DROP CONNECTION c; DROP SECRET s RESTRICT",
    "CREATE EXPERIMENT e UNIT u VARIANTS (a 1, b 2) EXPOSURES FROM t (VARIANT a TIMESTAMP b) METRICS (m RATIO (a / b) FROM t
     TIMESTAMP at WHERE a > 0 CUPED '1 day' DETECT 5%, n MEAN (a) FROM t LOWER IS BETTER) ANALYZE EVERY '1 hour' WITH (salt = 's');
     ANALYZE EXPERIMENT e",
    "COMMENT ON STREAM orders IS 'what was bought'; COMMENT ON COLUMN orders.\"Id\" IS NULL",
    "INSERT INTO orders (id, \"Name\") SELECT a, b FROM t WHERE c; INSERT INTO orders VALUES (1, 'a'), (2, NULL)",
    "UPDATE products SET price = price * 2, name = (SELECT max(n) FROM t) WHERE id IN (1, 2)",
    "DELETE FROM products WHERE price IS NULL OR name LIKE 'x%'",
    "SHOW MATERIALIZED VIEWS LIKE 'sales%'; SHOW COLUMNS FROM system.streams; SHOW CREATE STREAM orders; DESCRIBE orders",
    "EXPLAIN CREATE MATERIALIZED VIEW v AS SELECT 1 FROM t; EXPLAIN ANALYZE VERBOSE SELECT 1",
    "REPLAY DEAD LETTERS OF orders WHERE reason LIKE '%amount%'; CANCEL QUERY 'q-7'",
];

/// Of a connection.
const OF_SESSIONS: &[&str] = &[
    "BEGIN ISOLATION LEVEL READ COMMITTED, READ ONLY; SAVEPOINT a; ROLLBACK TO SAVEPOINT a; RELEASE a; COMMIT AND NO CHAIN",
    "SET LOCAL search_path TO a, 'b'; SET TIME ZONE 'UTC'; SHOW TRANSACTION ISOLATION LEVEL; RESET ALL; DISCARD ALL",
    "SET SESSION CHARACTERISTICS AS TRANSACTION READ WRITE; SET NAMES 'utf8'; DEALLOCATE PREPARE ALL",
    "DECLARE \"C\" BINARY NO SCROLL CURSOR WITH HOLD FOR SELECT (1); FETCH FORWARD 10 FROM c; MOVE ALL IN c; CLOSE ALL",
    "COPY orders (a, b) FROM STDIN WITH (FORMAT csv, HEADER match, DELIMITER ';', NULL 'x', QUOTE '\"', ESCAPE '\\')",
    "COPY (SELECT (1), ')' FROM t) TO STDOUT (FORMAT binary); COPY orders TO STDOUT CSV HEADER; LISTEN x",
];

/// Of projects.
const TESTS: &[&str] = &[
    "TEST revenue GIVEN orders (id, amount) VALUES (1, 10.5), (2, -4) GIVEN clicks FROM FILE 'clicks.csv' FORMAT 'csv'
     EXPECT revenue EMPTY THEN TIME '2026-01-01 00:02:00'
     EXPECT revenue (category, revenue) WHERE category <> 'x' VALUES ('a', 10.5), (NULL, 1)",
    "TEST 'and no more' EXPECT (SELECT a FROM t ORDER BY a) ORDERED VALUES (1), (2)
     EXPECT DEAD LETTERS OF orders (reason) VALUES ('constraint') EXPECT DEAD LETTERS EMPTY; TEST b EXPECT s VALUES (1)",
];

fn filled(text: &str) -> Option<Template> {
    let settings = [("x".to_owned(), "水 + 1".to_owned())].into();
    Template::fill(&SourceText::new("a.sql", text), &settings).ok()
}

fn placed(text: &str, wrong: &[Diagnostic]) {
    for one in wrong {
        assert!(one.span.start <= one.span.end && one.span.end <= text.len(), "{one:?}");
        assert!(text.is_char_boundary(one.span.start) && text.is_char_boundary(one.span.end), "{one:?}");
        assert!(one.to_string().starts_with("error: "));
    }
}

/// As statements, as a client's text and as tests of a project.
fn holds(text: &str) {
    let Some(template) = filled(text) else { return };
    let (parsed, wrong) = parse_template_with_recovery(&template);
    placed(text, &wrong);
    for one in parsed {
        assert!(text.get(one.span.start..one.span.end).is_some());
        // The statement's own text, and its canonical form, say the same again.
        let form = canonical(&one.text).unwrap();
        let again = parse(&SourceText::new("a.sql", form.clone())).unwrap_or_else(|wrong| panic!("{wrong}"));
        assert_eq!(again.len(), 1);
        assert_eq!(canonical(&again[0].text).unwrap(), form);
    }
    let source = SourceText::new("query", text);
    if let Err(wrong) = session::parse(&source, |name| name == "a") {
        placed(text, &wrong.0);
    }
    if let Ok(count) = session::parameters(&source)
        && count < 10
    {
        session::fill(&source, &vec!["NULL".to_owned(); count]).unwrap();
    }
    let (tests, wrong) = parse_project_tests(&template);
    placed(text, &wrong);
    for test in tests {
        assert!(text.get(test.span.start..test.span.end).is_some());
    }
}

#[test]
fn what_is_damaged_below_is_whole_here() {
    for text in VALID {
        assert_eq!(parse(&SourceText::new("a.sql", *text)).map(drop), Ok(()), "{text}");
        holds(text);
    }
    for text in OF_SESSIONS {
        assert_eq!(session::parse(&SourceText::new("query", *text), |_| false).map(drop), Ok(()), "{text}");
        holds(text);
    }
    for text in TESTS {
        let (tests, wrong) = parse_project_tests(&filled(text).unwrap());
        assert!(!tests.is_empty() && wrong.is_empty(), "{wrong:?}");
        holds(text);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn soup(chosen in proptest::collection::vec(any::<prop::sample::Index>(), 0..40)) {
        let words = words();
        let text: Vec<_> = chosen.iter().map(|at| *at.get(&words)).collect();
        holds(&text.join(" "));
        holds(&text.concat());
    }

    #[test]
    fn any_text(text in any::<String>()) {
        holds(&text);
    }

    #[test]
    fn any_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
        match SourceText::from_bytes("a.sql", &bytes) {
            Ok(source) => holds(&source.text),
            Err(wrong) => prop_assert!(!wrong.to_string().is_empty()),
        }
    }
}

proptest! {
    // Each of many statements is to be damaged often.
    #![proptest_config(ProptestConfig { cases: 2048, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn damaged(
        which in any::<prop::sample::Index>(),
        cuts in proptest::collection::vec((0usize..600, 0usize..12, any::<prop::sample::Index>()), 1..4),
    ) {
        let (all, words) = ([VALID, OF_SESSIONS, TESTS].concat(), words());
        let mut text: Vec<char> = which.get(&all).chars().collect();
        for (at, length, word) in cuts {
            let start = at % text.len().max(1);
            let end = (start + length).min(text.len());
            text.splice(start..end, word.get(&words).chars());
        }
        holds(&text.into_iter().collect::<String>());
    }
}
