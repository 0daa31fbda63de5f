//! What is not accepted, and how it is told.

use super::*;

/// One line a diagnostic: message, place in brackets, detail and hint.
pub(super) fn told_each(statements: &[&str]) -> String {
    let mut told = String::new();
    for statement in statements {
        let wrong = match parse(&SourceText::new("a.sql", *statement)) {
            Ok(parsed) => panic!("accepted: {parsed:?}"),
            Err(wrong) => wrong.0,
        };
        writeln!(told, "{statement}").unwrap();
        for one in wrong {
            let place = &statement[one.span.start..one.span.end];
            let more = [one.detail, one.hint].into_iter().flatten().collect::<Vec<_>>().join("; ");
            writeln!(told, "    {} [{place}] {more}", one.message).unwrap();
        }
    }
    told
}

#[test]
fn statements_that_are_not_built() {
    let statements = [
        "CREATE DIMENSION d FROM s KEY (a)",
        "CREATE EXPECTATIONS e ON orders (x(1))",
        "CREATE TEMPORARY STREAM s (a INT)",
        "CREATE STREEM s (a INT)",
        "CREATE MATERIALISED VIEW v AS SELECT 1",
        "CREATE",
        "ALTER MATERIALIZED VIEW v RENAME TO w",
        "MERGE INTO t USING s ON true WHEN MATCHED THEN DELETE",
        "COPY t TO 'x'",
        "SHOW ALL",
        "SHOW COLUMNS t",
        "DESCRIBE",
        "DROP STREAM IF EXISTS",
        "CREATE OR REPLACE DIMENSION m",
        "DROP DIMENSION m",
        "DROP STREEM s",
        "ALTER CONNECTION c SET (x = 1)",
        "ALTER MATERIALIZED VIEW v PAUSE, RESET",
        "ALTER VIEW v PAUSE",
        "COMMENT x",
        "SHOW server_version",
        "EXPLAIN orders",
        "SET x = 1",
        "SELEKT 1",
        "'x'",
        "EXPLAIN FORMAT TREE SELECT 1",
        "EXPLAIN INSERT INTO t VALUES (1)",
        "WITH x AS (SELECT 1) INSERT INTO t SELECT * FROM x",
    ];
    expect![[r#"
        CREATE DIMENSION d FROM s KEY (a)
            CREATE DIMENSION is not built yet [CREATE DIMENSION] CREATE takes STREAM, SOURCE, SINK, TABLE, EXTERNAL TABLE, VIEW, MATERIALIZED VIEW, ALERT, CONNECTION, SECRET, USER, EXPECTATIONS, CHART, DASHBOARD, FEATURE VIEW, MODEL, EXPERIMENT
        CREATE EXPECTATIONS e ON orders (x(1))
            there is no expectation x [x] names are those of Great Expectations without expect_
        CREATE TEMPORARY STREAM s (a INT)
            CREATE TEMPORARY is not built yet [CREATE TEMPORARY] CREATE takes STREAM, SOURCE, SINK, TABLE, EXTERNAL TABLE, VIEW, MATERIALIZED VIEW, ALERT, CONNECTION, SECRET, USER, EXPECTATIONS, CHART, DASHBOARD, FEATURE VIEW, MODEL, EXPERIMENT
        CREATE STREEM s (a INT)
            there is no statement CREATE STREEM [CREATE STREEM] did you mean CREATE STREAM?
        CREATE MATERIALISED VIEW v AS SELECT 1
            there is no statement CREATE MATERIALISED [CREATE MATERIALISED] did you mean CREATE MATERIALIZED VIEW?
        CREATE
            expected the kind of object, found the end of the statement [] CREATE takes STREAM, SOURCE, SINK, TABLE, EXTERNAL TABLE, VIEW, MATERIALIZED VIEW, ALERT, CONNECTION, SECRET, USER, EXPECTATIONS, CHART, DASHBOARD, FEATURE VIEW, MODEL, EXPERIMENT
        ALTER MATERIALIZED VIEW v RENAME TO w
            RENAME is not built yet [RENAME] what works: AS query, SET (option = value), PAUSE, RESUME, RESET
        MERGE INTO t USING s ON true WHEN MATCHED THEN DELETE
            MERGE is not built yet [MERGE] statements begin with SELECT, INSERT, UPDATE, DELETE, CREATE, ALTER, DROP, COMMENT, SHOW, DESCRIBE, EXPLAIN, REPLAY, REFRESH, CHECK EXPECTATIONS, PROFILE, TRAIN MODEL, PROMOTE MODEL, ROLLBACK MODEL, ANALYZE EXPERIMENT
        COPY t TO 'x'
            COPY is not built yet [COPY] statements begin with SELECT, INSERT, UPDATE, DELETE, CREATE, ALTER, DROP, COMMENT, SHOW, DESCRIBE, EXPLAIN, REPLAY, REFRESH, CHECK EXPECTATIONS, PROFILE, TRAIN MODEL, PROMOTE MODEL, ROLLBACK MODEL, ANALYZE EXPERIMENT
        SHOW ALL
            there is no statement SHOW ALL [SHOW ALL] statements begin with SELECT, INSERT, UPDATE, DELETE, CREATE, ALTER, DROP, COMMENT, SHOW, DESCRIBE, EXPLAIN, REPLAY, REFRESH, CHECK EXPECTATIONS, PROFILE, TRAIN MODEL, PROMOTE MODEL, ROLLBACK MODEL, ANALYZE EXPERIMENT
        SHOW COLUMNS t
            expected FROM, found t [t] say of what: SHOW COLUMNS FROM orders
        DESCRIBE
            expected the name of a relation, found the end of the statement [] 
        DROP STREAM IF EXISTS
            expected the name of the stream, found the end of the statement [] 
        CREATE OR REPLACE DIMENSION m
            CREATE DIMENSION is not built yet [CREATE OR REPLACE DIMENSION] CREATE takes STREAM, SOURCE, SINK, TABLE, EXTERNAL TABLE, VIEW, MATERIALIZED VIEW, ALERT, CONNECTION, SECRET, USER, EXPECTATIONS, CHART, DASHBOARD, FEATURE VIEW, MODEL, EXPERIMENT
        DROP DIMENSION m
            DROP DIMENSION is not built yet [DROP DIMENSION] DROP takes STREAM, SOURCE, SINK, TABLE, EXTERNAL TABLE, VIEW, MATERIALIZED VIEW, ALERT, CONNECTION, SECRET, USER, EXPECTATIONS, CHART, DASHBOARD, FEATURE VIEW, MODEL, EXPERIMENT
        DROP STREEM s
            there is no statement DROP STREEM [DROP STREEM] did you mean DROP STREAM?
        ALTER CONNECTION c SET (x = 1)
            ALTER CONNECTION is not built yet [ALTER CONNECTION] ALTER takes STREAM, SOURCE, SINK, TABLE, EXTERNAL TABLE, VIEW, MATERIALIZED VIEW, ALERT, USER; CREATE OR REPLACE makes the others anew
        ALTER MATERIALIZED VIEW v PAUSE, RESET
            PAUSE, RESUME and RESET stand alone [PAUSE] 
        ALTER VIEW v PAUSE
            PAUSE is not built yet [PAUSE] what works: AS query
        COMMENT x
            COMMENT is not built yet [COMMENT] statements begin with SELECT, INSERT, UPDATE, DELETE, CREATE, ALTER, DROP, COMMENT, SHOW, DESCRIBE, EXPLAIN, REPLAY, REFRESH, CHECK EXPECTATIONS, PROFILE, TRAIN MODEL, PROMOTE MODEL, ROLLBACK MODEL, ANALYZE EXPERIMENT
        SHOW server_version
            there is no statement SHOW SERVER_VERSION [SHOW server_version] statements begin with SELECT, INSERT, UPDATE, DELETE, CREATE, ALTER, DROP, COMMENT, SHOW, DESCRIBE, EXPLAIN, REPLAY, REFRESH, CHECK EXPECTATIONS, PROFILE, TRAIN MODEL, PROMOTE MODEL, ROLLBACK MODEL, ANALYZE EXPERIMENT
        EXPLAIN orders
            expected a query, found orders [orders] EXPLAIN [ANALYZE] [VERBOSE] is followed by a query, EXPLAIN also by MATERIALIZED VIEW and a name
        SET x = 1
            SET is not built yet [SET] statements begin with SELECT, INSERT, UPDATE, DELETE, CREATE, ALTER, DROP, COMMENT, SHOW, DESCRIBE, EXPLAIN, REPLAY, REFRESH, CHECK EXPECTATIONS, PROFILE, TRAIN MODEL, PROMOTE MODEL, ROLLBACK MODEL, ANALYZE EXPERIMENT
        SELEKT 1
            expected a statement, found SELEKT [SELEKT] did you mean SELECT?
        'x'
            expected a statement, found 'x' ['x'] statements begin with SELECT, INSERT, UPDATE, DELETE, CREATE, ALTER, DROP, COMMENT, SHOW, DESCRIBE, EXPLAIN, REPLAY, REFRESH, CHECK EXPECTATIONS, PROFILE, TRAIN MODEL, PROMOTE MODEL, ROLLBACK MODEL, ANALYZE EXPERIMENT
        EXPLAIN FORMAT TREE SELECT 1
            expected a query, found FORMAT [FORMAT] EXPLAIN [ANALYZE] [VERBOSE] is followed by a query, EXPLAIN also by MATERIALIZED VIEW and a name
        EXPLAIN INSERT INTO t VALUES (1)
            expected a query, found INSERT [INSERT] EXPLAIN [ANALYZE] [VERBOSE] is followed by a query, EXPLAIN also by MATERIALIZED VIEW and a name
        WITH x AS (SELECT 1) INSERT INTO t SELECT * FROM x
            INSERT is not built yet [INSERT INTO t SELECT * FROM x] 
    "#]].assert_eq(&told_each(&statements));
}

#[test]
fn streams_that_are_wrong() {
    let statements = [
        "CREATE STREAM s (a INT PRIMARY KEY)",
        "CREATE STREAM s (a INT, PRIMARY KEY (a))",
        "CREATE STREAM s (a INT DEFAULT 1)",
        "CREATE STREAM s (a INT CHECK (a > 0))",
        "CREATE STREAM s (a BIGNT)",
        "CREATE STREAM s (a INT, A TEXT)",
        "CREATE STREAM s (CONSTRAINT c EXPECT (true) ON VIOLATION DROP)",
        "CREATE STREAM s",
        "CREATE STREAM s ()",
        "CREATE STREAM s (a INT,)",
        "CREATE STREAM a.b (a INT)",
        "CREATE STREAM \"a~b\" (a INT)",
        "CREATE STREAM \" a\" (a INT)",
        "CREATE STREAM \"данные-данные-данные-данные-данные-данные\" (a INT)",
        "CREATE STREAM \"\" (a INT)",
        "CREATE STREAM s (at TIMESTAMP, WATERMARK FOR att AS at)",
        "CREATE STREAM s (at TIMESTAMP, WATERMARK FOR at)",
        "CREATE STREAM s (a INT, WATERMARK FOR a AS a, WATERMARK FOR a AS a)",
        "CREATE STREAM s (a INT, CONSTRAINT c EXPECT (a > 0))",
        "CREATE STREAM s (a INT, CONSTRAINT c EXPECT (a > 0) ON VIOLATION IGNORE)",
        "CREATE STREAM s (a INT, CONSTRAINT c CHECK (a > 0))",
        "CREATE STREAM s (a INT, CONSTRAINT c EXPECT (a > ) ON VIOLATION DROP)",
        "CREATE STREAM s (a INT) PARTITION KEY (b)",
        "CREATE STREAM s (a INT) PARTITIONED BY (a)",
        "CREATE STREAM s (a INT) WITH (format = 'csv') WITH (partitions = 2)",
        "CREATE STREAM s (a INT) WITH (partitions = 0)",
        "CREATE STREAM s (a INT) WITH (partitions = 'four')",
        "CREATE STREAM s (a INT) WITH (partions = 4, formt = 'csv', x = 1)",
        "CREATE STREAM s (a INT) WITH (format = 'avro')",
        "CREATE STREAM s (a INT) WITH (format = csv)",
        "CREATE STREAM s (a INT) WITH (format = 'csv', FORMAT = 'json')",
        "CREATE STREAM s (a INT) WITH (retention = '2 months')",
        "CREATE STREAM s (a INT) WITH (retention = 7)",
        "CREATE STREAM s (a INT) WITH (partitions = 4",
        "CREATE STREAM s (a INT) SELECT 1",
    ];
    expect![[r#"
        CREATE STREAM s (a INT PRIMARY KEY)
            a stream has no PRIMARY KEY: its rows are never replaced [PRIMARY] PARTITION KEY (…) after the columns keeps rows of one key in order
        CREATE STREAM s (a INT, PRIMARY KEY (a))
            a stream has no PRIMARY KEY: its rows are never replaced [PRIMARY] PARTITION KEY (…) after the columns keeps rows of one key in order
        CREATE STREAM s (a INT DEFAULT 1)
            DEFAULT on a column is not built yet [DEFAULT] 
        CREATE STREAM s (a INT CHECK (a > 0))
            CHECK on a column is not built yet [CHECK] write a rule: CONSTRAINT name EXPECT (condition) ON VIOLATION QUARANTINE
        CREATE STREAM s (a BIGNT)
            BIGNT is not a type [BIGNT] did you mean BIGINT?
        CREATE STREAM s (a INT, A TEXT)
            column a stands twice [A] 
        CREATE STREAM s (CONSTRAINT c EXPECT (true) ON VIOLATION DROP)
            a stream has at least one column [(CONSTRAINT c EXPECT (true) ON VIOLATION DROP)] 
        CREATE STREAM s
            expected (, found the end of the statement [] the columns stand in parentheses
        CREATE STREAM s ()
            expected the name of a column, found ) [)] 
        CREATE STREAM s (a INT,)
            expected the name of a column, found ) [)] 
        CREATE STREAM a.b (a INT)
            the name of the stream has one part [a] a name with a dot in it must be quoted
        CREATE STREAM "a~b" (a INT)
            "a~b" can't be the name of the stream ["a~b"] a name has no '~', and no characters that control text or can't be seen
        CREATE STREAM " a" (a INT)
            " a" can't be the name of the stream [" a"] it begins or ends with a space
        CREATE STREAM "данные-данные-данные-данные-данные-данные" (a INT)
            "данные-данные-данные-данные-данные-данные" can't be the name of the stream ["данные-данные-данные-данные-данные-данные"] it is too long: a name has up to 249 letters a to z, digits, '.', '_' and '-'; with others in it, at most 190 bytes, of which those of others count three each
        CREATE STREAM "" (a INT)
            the name of the stream must not be empty [""] 
        CREATE STREAM s (at TIMESTAMP, WATERMARK FOR att AS at)
            there is no column att [att] did you mean at?
        CREATE STREAM s (at TIMESTAMP, WATERMARK FOR at)
            expected AS, found ) [)] write WATERMARK FOR at AS at - INTERVAL '5 seconds'
        CREATE STREAM s (a INT, WATERMARK FOR a AS a, WATERMARK FOR a AS a)
            a stream has one watermark [WATERMARK FOR a AS a] 
        CREATE STREAM s (a INT, CONSTRAINT c EXPECT (a > 0))
            expected ON VIOLATION, found ) [)] say what becomes of a row that breaks the rule: ON VIOLATION QUARANTINE, WARN, DROP or FAIL
        CREATE STREAM s (a INT, CONSTRAINT c EXPECT (a > 0) ON VIOLATION IGNORE)
            expected QUARANTINE, WARN, DROP or FAIL, found IGNORE [IGNORE] 
        CREATE STREAM s (a INT, CONSTRAINT c CHECK (a > 0))
            expected EXPECT, found CHECK [CHECK] write CONSTRAINT name EXPECT (condition) ON VIOLATION QUARANTINE
        CREATE STREAM s (a INT, CONSTRAINT c EXPECT (a > ) ON VIOLATION DROP)
            expected an expression, found ) [)] 
        CREATE STREAM s (a INT) PARTITION KEY (b)
            there is no column b [b] 
        CREATE STREAM s (a INT) PARTITIONED BY (a)
            a stream has no PARTITIONED BY [PARTITIONED] PARTITION KEY (…) says which partition of the log a row goes to
        CREATE STREAM s (a INT) WITH (format = 'csv') WITH (partitions = 2)
            WITH stands twice [WITH] 
        CREATE STREAM s (a INT) WITH (partitions = 0)
            partitions must be 1 to 4096 [0] 
        CREATE STREAM s (a INT) WITH (partitions = 'four')
            option partitions must be a whole number, not the text 'four' ['four'] 
        CREATE STREAM s (a INT) WITH (partions = 4, formt = 'csv', x = 1)
            unknown option partions [partions] did you mean partitions?
            unknown option formt [formt] did you mean format?
            unknown option x [x] the options here are format, partitions, retention, archive_retention, max_future, idle_timeout
        CREATE STREAM s (a INT) WITH (format = 'avro')
            option format must be one of 'json', 'csv', not the text 'avro' ['avro'] 
        CREATE STREAM s (a INT) WITH (format = csv)
            expected a value for option format, found csv [csv] texts stand in single quotes
        CREATE STREAM s (a INT) WITH (format = 'csv', FORMAT = 'json')
            option format stands twice [FORMAT] 
        CREATE STREAM s (a INT) WITH (retention = '2 months')
            option retention must be a duration, not the text '2 months' ['2 months'] months differ in length; say it in days; write it like '7 days' or '1 hour 30 minutes'
        CREATE STREAM s (a INT) WITH (retention = 7)
            option retention must be a duration, not the number 7 [7] write it like '7 days' or '1 hour 30 minutes'
        CREATE STREAM s (a INT) WITH (partitions = 4
            expected a comma or ), found the end of the statement [] 
        CREATE STREAM s (a INT) SELECT 1
            expected PARTITION KEY, WITH or the end of the statement, found SELECT [SELECT] 
    "#]].assert_eq(&told_each(&statements));
}

#[test]
fn names_that_cannot_be_seen() {
    for name in ["a\u{202e}b", "a\u{200b}", "a\u{7}", "a\u{2028}b", "\u{feff}a"] {
        let text = format!("CREATE STREAM \"{name}\" (a INT)");
        let wrong = parse(&SourceText::new("a.sql", &*text)).unwrap_err().to_string();
        assert!(wrong.contains("can't be the name of the stream"), "{wrong}");
    }
    let long = "x".repeat(249);
    assert!(parse(&SourceText::new("a.sql", format!("CREATE STREAM {long} (a INT)"))).is_ok());
    for name in [".", "..", &format!("{long}x")] {
        assert!(parse(&SourceText::new("a.sql", format!("CREATE STREAM \"{name}\" (a INT)"))).is_err(), "{name}");
    }
    for name in ["заказы", "\"orders\"\"\"", "\"two words\"", "\"a/b\"", "注文", "\"क्षेत्र\"", "\"👩\u{200d}🚀\""]
    {
        let text = format!("CREATE STREAM {name} (a INT)");
        assert!(parse(&SourceText::new("a.sql", &*text)).is_ok(), "{text}");
    }
}

#[test]
fn sources_views_and_queries_that_are_wrong() {
    let statements = [
        "CREATE SOURCE s FROM CONNECTION shop (TABLE 'x')",
        "CREATE SOURCE s FROM FILE (PATH 'x')",
        "CREATE SOURCE s INTO t FROM FILES (PATH 'x') WITH (enabled = 'yes')",
        "CREATE MATERIALIZED VIEW v (a, b, a) AS SELECT 1, 2, 3",
        "CREATE MATERIALIZED VIEW v REFRESH EVERY AS SELECT 1",
        "CREATE MATERIALIZED VIEW v REFRESH EVERY '1 fortnight' AS SELECT 1",
        "CREATE MATERIALIZED VIEW v REFRESH EVERY '10 ms' AS SELECT 1",
        "CREATE MATERIALIZED VIEW v REFRESH EVERY '1 hour' OFFSET '60 minutes' AS SELECT 1",
        "CREATE MATERIALIZED VIEW v REFRESH CRON '0 2 * * *' TIME ZONE UTC AS SELECT 1",
        "CREATE MATERIALIZED VIEW v REFRESH DAILY AS SELECT 1",
        "CREATE MATERIALIZED VIEW v REFRESH MANUAL AS SELECT 1 EMIT CHANGES",
        "CREATE MATERIALIZED VIEW v REFRESH MANUAL PARTITION KEY (a) AS SELECT 1 AS a",
        "CREATE MATERIALIZED VIEW v (CONSTRAINT c EXPECT (a > 0)) REFRESH MANUAL AS SELECT 1 AS a",
        "CREATE MATERIALIZED VIEW v REFRESH MANUAL WITH (partitions = 2) AS SELECT 1",
        "CREATE MATERIALIZED VIEW v REFRESH MANUAL WITH (retries = -1) AS SELECT 1",
        "CREATE MATERIALIZED VIEW v REFRESH MANUAL WITH (lookback = '3 days') AS SELECT 1",
        "REFRESH v",
        "REFRESH MATERIALIZED VIEW v FROM '2026-01-01'",
        "REFRESH MATERIALIZED VIEW v FROM 1 TO 2",
        "REFRESH MATERIALIZED VIEW v NOW",
        "REFRESH FEATURE VIEW f FROM '2026-01-01' TO '2026-02-01'",
        "EXPLAIN REFRESH FEATURE VIEW f",
        "CREATE MATERIALIZED VIEW v REFRESH TARGET LAG '1 day' AS SELECT 1",
        "CREATE MATERIALIZED VIEW v PARTITIONED BY (a) AS SELECT 1",
        "CREATE MATERIALIZED VIEW v AS SELECT 1 FROM t EMIT FINAL",
        "CREATE MATERIALIZED VIEW v EMIT CHANGES AS SELECT 1 FROM t EMIT CHANGES",
        "CREATE MATERIALIZED VIEW v AS DELETE FROM t",
        "CREATE MATERIALIZED VIEW v AS SELECT 1 FROM t WHERE",
        "CREATE MATERIALIZED VIEW v SELECT 1",
        "CREATE MATERIALIZED VIEW v AS SELECT 1 EMIT CHANGES LIMIT 1",
        "SELECT * FROM t VERSION AS OF 3",
        "SELECT * FROM t TABLESAMPLE BERNOULLI (10)",
        "SELECT * FROM t FOR UPDATE",
        "SELECT a INTO x FROM t",
        "SELECT * FROM t WITH (NOLOCK)",
        "SELECT 1 SELECT 2",
        "SELECT 1 /*!40000 , 2 */",
        "SELECT 1 FROM t WHERE a = U&'\\zzzz'",
        "SELECT a FROM t WHERE (b = 1",
    ];
    expect![[r#"
        CREATE SOURCE s FROM CONNECTION shop (TABLE 'x')
            a source FROM CONNECTION is not built yet [CONNECTION] what works: FROM FILES (PATH 'data/*.csv'), FROM GENERATOR (…)
        CREATE SOURCE s FROM FILE (PATH 'x')
            expected FILES or GENERATOR, found FILE [FILE] did you mean FILES?
        CREATE SOURCE s INTO t FROM FILES (PATH 'x') WITH (enabled = 'yes')
            option enabled must be true or false, not the text 'yes' ['yes'] 
        CREATE MATERIALIZED VIEW v (a, b, a) AS SELECT 1, 2, 3
            column a stands twice [a] 
        CREATE MATERIALIZED VIEW v REFRESH EVERY AS SELECT 1
            expected a time between two runs, like '1 day', found AS [AS] texts stand in single quotes
        CREATE MATERIALIZED VIEW v REFRESH EVERY '1 fortnight' AS SELECT 1
            this is no length of time: 'fortnight' is not a unit; there are seconds, minutes, hours, days, weeks, years ['1 fortnight'] write it like '1 hour' or '1 hour 30 minutes'
        CREATE MATERIALIZED VIEW v REFRESH EVERY '10 ms' AS SELECT 1
            a schedule goes by tenths of a second at the least [EVERY '10 ms'] what is to be true all the time is continuous
        CREATE MATERIALIZED VIEW v REFRESH EVERY '1 hour' OFFSET '60 minutes' AS SELECT 1
            the offset is as long as the time between two runs, or longer ['60 minutes'] runs come EVERY so often, each so long after a multiple of that
        CREATE MATERIALIZED VIEW v REFRESH CRON '0 2 * * *' TIME ZONE UTC AS SELECT 1
            expected the name of a time zone, like 'Europe/Zurich', found UTC [UTC] texts stand in single quotes
        CREATE MATERIALIZED VIEW v REFRESH DAILY AS SELECT 1
            expected CONTINUOUS, EVERY, CRON or MANUAL, found DAILY [DAILY] 
        CREATE MATERIALIZED VIEW v REFRESH MANUAL AS SELECT 1 EMIT CHANGES
            a view that is refreshed by a schedule has no EMIT [EMIT CHANGES] its rows are a table in the lake; leave REFRESH away to keep it up to date
        CREATE MATERIALIZED VIEW v REFRESH MANUAL PARTITION KEY (a) AS SELECT 1 AS a
            a view that is refreshed by a schedule has no PARTITION KEY [PARTITION KEY (a)] its rows are a table in the lake; leave REFRESH away to keep it up to date
        CREATE MATERIALIZED VIEW v (CONSTRAINT c EXPECT (a > 0)) REFRESH MANUAL AS SELECT 1 AS a
            expected ON VIOLATION, found ) [)] say what becomes of a row that breaks the rule: ON VIOLATION QUARANTINE, WARN, DROP or FAIL
        CREATE MATERIALIZED VIEW v REFRESH MANUAL WITH (partitions = 2) AS SELECT 1
            unknown option partitions [partitions] the options here are retries, retry_delay, timeout, catch_up, pool, replace, lookback
        CREATE MATERIALIZED VIEW v REFRESH MANUAL WITH (retries = -1) AS SELECT 1
            retries must be 0 to 100 [-1] 
        CREATE MATERIALIZED VIEW v REFRESH MANUAL WITH (lookback = '3 days') AS SELECT 1
            each run makes all rows anew, however far it looks back ['3 days'] say which ones: replace = 'partitions'
        REFRESH v
            expected MATERIALIZED VIEW or FEATURE VIEW, found v [v] 
        REFRESH MATERIALIZED VIEW v FROM '2026-01-01'
            expected TO, found the end of the statement [] 
        REFRESH MATERIALIZED VIEW v FROM 1 TO 2
            expected a day or a time in quotes, like '2026-01-31', found 1 [1] texts stand in single quotes
        REFRESH MATERIALIZED VIEW v NOW
            expected FROM or the end of the statement, found NOW [NOW] 
        REFRESH FEATURE VIEW f FROM '2026-01-01' TO '2026-02-01'
            expected the end of the statement, found FROM [FROM] a run tells the values of all entities, as they are when it runs
        EXPLAIN REFRESH FEATURE VIEW f
            expected MATERIALIZED VIEW, found FEATURE [FEATURE] 
        CREATE MATERIALIZED VIEW v REFRESH TARGET LAG '1 day' AS SELECT 1
            REFRESH TARGET LAG is not built yet [REFRESH TARGET LAG] REFRESH EVERY '10 minutes' runs so often; without REFRESH a view never lags
        CREATE MATERIALIZED VIEW v PARTITIONED BY (a) AS SELECT 1
            PARTITIONED BY of a view that is kept up to date all the time is not built yet [PARTITIONED BY (a)] PARTITION KEY (…) says which partition of the log a row goes to
        CREATE MATERIALIZED VIEW v AS SELECT 1 FROM t EMIT FINAL
            expected CHANGES or ON WINDOW CLOSE, found FINAL [FINAL] 
        CREATE MATERIALIZED VIEW v EMIT CHANGES AS SELECT 1 FROM t EMIT CHANGES
            EMIT stands twice [EMIT CHANGES] 
        CREATE MATERIALIZED VIEW v AS DELETE FROM t
            expected a query, found DELETE [DELETE] a query starts with SELECT, WITH or VALUES
        CREATE MATERIALIZED VIEW v AS SELECT 1 FROM t WHERE
            expected an expression, found the end of the statement [] 
        CREATE MATERIALIZED VIEW v SELECT 1
            expected AS, found SELECT [SELECT] the query follows AS; before it stand PARTITION KEY, PARTITIONED BY, REFRESH and WITH
        CREATE MATERIALIZED VIEW v AS SELECT 1 EMIT CHANGES LIMIT 1
            expected EMIT, WITH or the end of the statement, found LIMIT [LIMIT] 
        SELECT * FROM t VERSION AS OF 3
            expected the end of the statement, found AS [AS] statements are separated by semicolons
        SELECT * FROM t TABLESAMPLE BERNOULLI (10)
            TABLESAMPLE is not built yet [t] 
        SELECT * FROM t FOR UPDATE
            FOR UPDATE and FOR SHARE is not built yet [SELECT * FROM t] 
        SELECT a INTO x FROM t
            SELECT INTO is not built yet [SELECT a INTO x FROM t] 
        SELECT * FROM t WITH (NOLOCK)
            WITH (…) after a table is not built yet [t] 
        SELECT 1 SELECT 2
            expected the end of the statement, found SELECT [SELECT] statements are separated by semicolons
        SELECT 1 /*!40000 , 2 */
            a comment that is executed (/*! … */) is not SQL [/*!] remove the exclamation mark to make it a comment
        SELECT 1 FROM t WHERE a = U&'\zzzz'
            invalid hex digit in escaped unicode string: z [U] 
        SELECT a FROM t WHERE (b = 1
            expected ), found the end of the statement [] 
    "#]].assert_eq(&told_each(&statements));
}

#[test]
fn one_run_tells_every_statements_error() {
    check(
        "SELECT 1;\nCREATE MODEL x (a INT);\nSELECT a FRM t b c;\n\tSELECT 'zwölf 水' + ;\nSELECT 2;\nSELECT 'open",
        expect![[r#"
            query SELECT 1
            query SELECT 2
            error: expected AS, found (
             --> orders.sql:2:16
              |
            2 | CREATE MODEL x (a INT);
              |                ^
              = hint: the query follows AS; before it stand PREDICT, USING, WITH, RETRAIN and PROMOTE WHEN (…)
            error: expected the end of the statement, found t
             --> orders.sql:3:14
              |
            3 | SELECT a FRM t b c;
              |              ^
              = hint: statements are separated by semicolons
            error: expected an expression, found the end of the statement
             --> orders.sql:4:20
              |
            4 |     SELECT 'zwölf 水' + ;
              |                        ^
            error: this text does not end
             --> orders.sql:6:8
              |
            6 | SELECT 'open
              |        ^
              = hint: close it with a single quote; within it, write '' for one
        "#]],
    );
}

/// Line ends of Windows, tabs before and within, wide characters, a place of several lines, the end of the file.
#[test]
fn places_render_right() {
    check(
        "SELECT\r\n\ta,\r\n\t'水水'\tFROM t t t\r\n",
        expect![[r#"
        error: expected the end of the statement, found t
         --> orders.sql:3:16
          |
        3 |     '水水'  FROM t t t
          |                      ^
          = hint: statements are separated by semicolons
    "#]],
    );
    check(
        "CREATE STREAM s (a INT)\nWITH (partitions = (a 1,\n\n  b 2\n))",
        expect![[r#"
        error: option partitions must be a whole number, not a list
         --> orders.sql:2:20
          |
        2 | WITH (partitions = (a 1,
          |                    ^^^^^
        3 |
        4 |   b 2
          | ^^^^^
        5 | ))
          | ^
    "#]],
    );
    check(
        "SELECT (\n",
        expect![[r#"
        error: expected an expression, found the end of the statement
         --> orders.sql:1:9
          |
        1 | SELECT (
          |         ^
    "#]],
    );
    check(
        "/* never\nclosed",
        expect![[r#"
        error: this comment does not end
         --> orders.sql:1:1
          |
        1 | /* never
          | ^^
          = hint: close it with */
    "#]],
    );
    check(
        "SELECT \"a",
        expect![[r#"
        error: this quoted name does not end
         --> orders.sql:1:8
          |
        1 | SELECT "a
          |        ^
    "#]],
    );
    check(
        "SELECT a\0b",
        expect![[r#"
        error: a NUL byte is not allowed in SQL
         --> orders.sql:1:9
          |
        1 | SELECT a�b
          |         ^
    "#]],
    );
    check(
        "SELECT '\u{1b}[31m' FROM t t t",
        expect![[r#"
        error: expected the end of the statement, found t
         --> orders.sql:1:25
          |
        1 | SELECT '�[31m' FROM t t t
          |                         ^
          = hint: statements are separated by semicolons
    "#]],
    );
    check(
        &format!("SELECT {} FROM t t t, {}", "x, ".repeat(100) + "x", "y, ".repeat(100)),
        expect![[r#"
        error: expected the end of the statement, found t
         --> orders.sql:1:319
          |
        1 | …, x, x, x, x, x, x, x, x, x, x FROM t t t, y, y, y, y, y, y, y, y, y, y, y, y, y, y, y, y, y, y, y, y, y, y, y, y, y, y, y, y, y, y, y, y, y, y, y, y, y, y, y, …
          |                                          ^
          = hint: statements are separated by semicolons
    "#]],
    );
    check(
        "CREATE STREAM s (a INT, b INT, a INT)",
        expect![[r#"
        error: column a stands twice
         --> orders.sql:1:32
          |
        1 | CREATE STREAM s (a INT, b INT, a INT)
          |                                ^
          = it stands first here:
         --> orders.sql:1:18
          |
        1 | CREATE STREAM s (a INT, b INT, a INT)
          |                  ^
    "#]],
    );
}

#[test]
fn errors_as_json() {
    let wrong = parse(&SourceText::new("a.sql", "SELECT 1;\nCREATE STREAM s (é INT, É INT, é INT)")).unwrap_err();
    expect![[r#"
        [
          {
            "kind": "invalid",
            "message": "column é stands twice",
            "detail": null,
            "hint": null,
            "file": "a.sql",
            "line": 2,
            "column": 32,
            "end_line": 2,
            "end_column": 33,
            "start": 43,
            "end": 45,
            "related": [
              {
                "message": "it stands first here",
                "file": "a.sql",
                "line": 2,
                "column": 18,
                "end_line": 2,
                "end_column": 19,
                "start": 27,
                "end": 29
              }
            ]
          }
        ]"#]]
    .assert_eq(&serde_json::to_string_pretty(&wrong).unwrap());
}
