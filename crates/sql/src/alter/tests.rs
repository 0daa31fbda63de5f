//! Definitions, what is asked of them, and what becomes of them.

use expect_test::expect;

use super::*;
use crate::{Statement, parse};

const STREAM: &str = "CREATE STREAM s (id INT NOT NULL, \"Name\" VARCHAR, price DECIMAL(10, 2), at TIMESTAMP, x REAL,
    WATERMARK FOR at AS at - INTERVAL '1 second', CONSTRAINT c EXPECT (s.price > 0) ON VIOLATION WARN)
    PARTITION KEY (id) WITH (retention = '7 days', format = 'csv')";
const TABLE: &str = "CREATE TABLE s (id INT, day DATE, n BIGINT, PRIMARY KEY (id)) PARTITIONED BY (day)";

/// The altered definition, or what is wrong with its place.
fn altered(definition: &str, actions: &str) -> String {
    let statement = |text: &str| parse(&SourceText::new("a.sql", text)).unwrap().remove(0);
    let alter = statement(actions);
    let Statement::Alter(of) = &alter.statement else { panic!("{alter:?}") };
    let outcome = match statement(definition).statement {
        Statement::CreateStream(create) => create.alter(&of.actions, &alter.source).map(|altered| altered.to_sql()),
        Statement::CreateTable(create) => create.alter(&of.actions, &alter.source).map(|altered| altered.to_sql()),
        Statement::CreateExternalTable(create) => {
            create.alter(&of.actions, &alter.source).map(|altered| altered.to_sql())
        }
        Statement::CreateMaterializedView(create) => create.alter(&of.actions).map(|altered| altered.to_sql()),
        Statement::CreateView(create) => Ok(create.alter(&of.actions).to_sql()),
        Statement::CreateSource(create) => create.alter(&of.actions),
        Statement::CreateSink(create) => create.alter(&of.actions),
        Statement::CreateAlert(create) => create.alter(&of.actions),
        other => panic!("{other:?}"),
    };
    outcome.unwrap_or_else(|wrong| {
        let each = wrong.0.iter().map(|one| {
            let hint = one.hint.as_ref().map(|hint| format!("; {hint}")).unwrap_or_default();
            format!("{} [{}]{hint}", one.message, one.source.slice(one.span))
        });
        each.collect::<Vec<_>>().join("\n")
    })
}

#[test]
fn what_is_accepted() {
    let actions =
        "ALTER STREAM s ADD note TEXT, DROP COLUMN \"Name\", ALTER id TYPE BIGINT, ALTER price TYPE DECIMAL(14, 4),
        ALTER x TYPE DOUBLE, SET (retention = '30 days', partitions = 2), DROP x, ADD x INT";
    expect![[r#"
        CREATE STREAM s (
            id BIGINT NOT NULL,
            price DECIMAL(14,4),
            at TIMESTAMP,
            note TEXT,
            x INT,
            WATERMARK FOR at AS at - INTERVAL '1 second',
            CONSTRAINT c EXPECT (s.price > 0) ON VIOLATION WARN
        )
        PARTITION KEY (id)
        WITH (retention = '30 days', format = 'csv', partitions = 2)"#]]
    .assert_eq(&altered(STREAM, actions));
    expect![[r#"
        CREATE TABLE s (
            id BIGINT,
            day DATE,
            m BOOLEAN,
            PRIMARY KEY (id)
        )
        PARTITIONED BY (day)"#]]
    .assert_eq(&altered(TABLE, "ALTER TABLE s ALTER id TYPE BIGINT, DROP n, ADD m BOOLEAN"));
}

#[test]
fn options_of_sources_and_sinks() {
    const SOURCE: &str = "CREATE SOURCE x INTO s FROM FILES (PATH 'a (1).csv')";
    const SINK: &str = "CREATE SINK x FROM s INTO FILES (PATH 'out', ROWS 7) WITH (enabled = true);";
    let cases = [
        (SOURCE, "ALTER SOURCE x SET (enabled = false)"),
        (SINK, "ALTER SINK x SET (enabled = false), SET (enabled = true), SET (enabled = false)"),
        (SOURCE, "ALTER SOURCE x SET (enbled = false)"),
        (SINK, "ALTER SINK x SET (enabled = 7)"),
    ];
    let told: Vec<String> = cases.iter().map(|(of, actions)| format!("{}\n", altered(of, actions))).collect();
    expect![[r#"
        CREATE SOURCE x INTO s FROM FILES (PATH 'a (1).csv') WITH (enabled = false)
        CREATE SINK x FROM s INTO FILES (PATH 'out', ROWS 7) WITH (enabled = false)
        unknown option enbled [enbled]; did you mean enabled?
        option enabled must be true or false, not the number 7 [7]
    "#]]
    .assert_eq(&told.concat());
}

#[test]
fn rules_queries_and_places() {
    const VIEW: &str = "CREATE MATERIALIZED VIEW v (a, constraint, CONSTRAINT c EXPECT (a > 0) ON VIOLATION DROP)
        WITH (partitions = 2) AS SELECT x, y FROM s EMIT CHANGES";
    const FILES: &str = "CREATE EXTERNAL TABLE t (a INT NOT NULL) STORED AS CSV LOCATION 'it''s/*.csv'";
    let cases = [
        (
            STREAM,
            "ALTER STREAM s ADD CONSTRAINT d EXPECT (id > 0) ON VIOLATION FAIL, DROP CONSTRAINT c, ALTER id DROP NOT NULL",
        ),
        (STREAM, "ALTER STREAM s ADD COLUMN IF NOT EXISTS id TEXT, DROP COLUMN IF EXISTS y, DROP CONSTRAINT d"),
        (VIEW, "ALTER MATERIALIZED VIEW v AS SELECT z, 'AS' FROM s WHERE z IS NOT NULL, SET (partitions = 3)"),
        (VIEW, "ALTER MATERIALIZED VIEW v AS SELECT z FROM s"),
        (VIEW, "ALTER MATERIALIZED VIEW v SET (partitions = 3), SET (enabled = true)"),
        ("CREATE VIEW w (\"A\") AS SELECT 1", "ALTER VIEW w AS SELECT 2"),
        (
            FILES,
            "ALTER EXTERNAL TABLE t SET LOCATION 's3://b/c', SET (header = false), ADD b TEXT, ALTER a DROP NOT NULL",
        ),
        (FILES, "ALTER EXTERNAL TABLE t SET (heder = false)"),
    ];
    let told: Vec<String> = cases.iter().map(|(of, actions)| format!("{}\n\n", altered(of, actions))).collect();
    expect![[r#"
        CREATE STREAM s (
            id INT,
            "Name" VARCHAR,
            price DECIMAL(10,2),
            at TIMESTAMP,
            x REAL,
            WATERMARK FOR at AS at - INTERVAL '1 second',
            CONSTRAINT d EXPECT (id > 0) ON VIOLATION FAIL
        )
        PARTITION KEY (id)
        WITH (retention = '7 days', format = 'csv')

        there is no rule d [d]

        CREATE MATERIALIZED VIEW v (
            a,
            "constraint",
            CONSTRAINT c EXPECT (a > 0) ON VIOLATION DROP
        )
        WITH (partitions = 3)
        EMIT CHANGES
        AS
        SELECT z, 'AS' FROM s WHERE z IS NOT NULL

        CREATE MATERIALIZED VIEW v (
            a,
            "constraint",
            CONSTRAINT c EXPECT (a > 0) ON VIOLATION DROP
        )
        WITH (partitions = 2)
        EMIT CHANGES
        AS
        SELECT z FROM s

        unknown option enabled [enabled]; the options here are format, partitions, lateness, state_retention, state_limit

        CREATE VIEW w ("A") AS
        SELECT 2

        CREATE EXTERNAL TABLE t (
            a INT,
            b TEXT
        )
        STORED AS CSV
        LOCATION 's3://b/c'
        WITH (header = false)

        unknown option heder [heder]; did you mean header?

    "#]]
    .assert_eq(&told.concat());
}

#[test]
fn what_is_refused() {
    let of_streams = [
        "ADD id INT",
        "ADD y INT NOT NULL",
        "DROP nmae",
        "DROP \"name\"",
        "DROP id",
        "DROP at",
        "DROP price",
        "ALTER pric TYPE BIGINT",
        "ALTER id TYPE SMALLINT",
        "ALTER price TYPE DECIMAL(10, 4)",
        "ALTER price TYPE DOUBLE",
        "ALTER at TYPE DATE",
        "SET (retension = '1 day')",
        "SET (partitions = 0)",
        "DROP x, DROP x",
    ];
    let of_tables = ["DROP id", "DROP day", "ALTER day TYPE TIMESTAMP", "SET (x = 1)", "DROP n, DROP day"];
    let streams = of_streams.iter().map(|action| (STREAM, format!("ALTER STREAM s {action}")));
    let tables = of_tables.iter().map(|action| (TABLE, format!("ALTER TABLE s {action}")));
    let told: Vec<String> = streams
        .chain(tables)
        .map(|(definition, actions)| format!("{actions}\n    {}\n", altered(definition, &actions)))
        .collect();
    expect![[r#"
        ALTER STREAM s ADD id INT
            there is a column id already [id]
        ALTER STREAM s ADD y INT NOT NULL
            a new column can't be NOT NULL [y INT NOT NULL]; rows that are there have no value for it; a rule can ask for one in new rows
        ALTER STREAM s DROP nmae
            there is no column nmae [nmae]
        ALTER STREAM s DROP "name"
            there is no column name ["name"]; did you mean Name?
        ALTER STREAM s DROP id
            column id can't be dropped: PARTITION KEY needs it [id]
        ALTER STREAM s DROP at
            column at can't be dropped: the watermark needs it [at]
        ALTER STREAM s DROP price
            column price can't be dropped: rule c needs it [price]
        ALTER STREAM s ALTER pric TYPE BIGINT
            there is no column pric [pric]; did you mean price?
        ALTER STREAM s ALTER id TYPE SMALLINT
            column id is INT, which SMALLINT does not hold exactly [SMALLINT]; types only widen: SMALLINT, INT, BIGINT; REAL, DOUBLE; DECIMAL(p, s) to more digits. Else add a column
        ALTER STREAM s ALTER price TYPE DECIMAL(10, 4)
            column price is DECIMAL(10,2), which DECIMAL(10,4) does not hold exactly [DECIMAL(10, 4)]; types only widen: SMALLINT, INT, BIGINT; REAL, DOUBLE; DECIMAL(p, s) to more digits. Else add a column
        ALTER STREAM s ALTER price TYPE DOUBLE
            column price is DECIMAL(10,2), which DOUBLE does not hold exactly [DOUBLE]; types only widen: SMALLINT, INT, BIGINT; REAL, DOUBLE; DECIMAL(p, s) to more digits. Else add a column
        ALTER STREAM s ALTER at TYPE DATE
            column at is TIMESTAMP, which DATE does not hold exactly [DATE]; types only widen: SMALLINT, INT, BIGINT; REAL, DOUBLE; DECIMAL(p, s) to more digits. Else add a column
        ALTER STREAM s SET (retension = '1 day')
            unknown option retension [retension]; did you mean retention?
        ALTER STREAM s SET (partitions = 0)
            partitions must be 1 to 4096 [0]
        ALTER STREAM s DROP x, DROP x
            there is no column x [x]
        ALTER TABLE s DROP id
            column id can't be dropped: PRIMARY KEY needs it [id]
        ALTER TABLE s DROP day
            column day can't be dropped: PARTITIONED BY needs it [day]
        ALTER TABLE s ALTER day TYPE TIMESTAMP
            day is in PARTITIONED BY: its type names folders of files [TIMESTAMP]
        ALTER TABLE s SET (x = 1)
            unknown option x [x]; there are no options here
        ALTER TABLE s DROP n, DROP day
            column day can't be dropped: PARTITIONED BY needs it [day]
    "#]].assert_eq(&told.concat());
    let last = "CREATE STREAM s (a INT)";
    assert_eq!(altered(last, "ALTER STREAM s DROP a"), "column a can't be dropped: it is the last one [a]");
}

#[test]
fn widening_is_exact() {
    const TYPES: [&str; 16] = [
        "TINYINT",
        "SMALLINT",
        "INT",
        "BIGINT",
        "REAL",
        "DOUBLE",
        "DECIMAL(5)",
        "DECIMAL(10, 0)",
        "DECIMAL(10, 2)",
        "DECIMAL(12, 2)",
        "DECIMAL(19)",
        "DECIMAL",
        "VARCHAR",
        "TEXT",
        "DATE",
        "TIMESTAMP",
    ];
    let mut told = String::new();
    for from in TYPES {
        let holds = TYPES.iter().filter(|to| {
            let text = format!("CREATE STREAM s (a {from}, b {to})");
            let Statement::CreateStream(create) = parse(&SourceText::new("a", text)).unwrap().remove(0).statement
            else {
                panic!("no stream")
            };
            from != **to && widen::widens(&create.columns[0].data_type, &create.columns[1].data_type)
        });
        told += &format!("{from}: {}\n", holds.copied().collect::<Vec<_>>().join(", "));
    }
    expect![[r#"
        TINYINT: SMALLINT, INT, BIGINT, REAL, DOUBLE, DECIMAL(5), DECIMAL(10, 0), DECIMAL(10, 2), DECIMAL(12, 2), DECIMAL(19), DECIMAL
        SMALLINT: INT, BIGINT, REAL, DOUBLE, DECIMAL(5), DECIMAL(10, 0), DECIMAL(10, 2), DECIMAL(12, 2), DECIMAL(19), DECIMAL
        INT: BIGINT, DOUBLE, DECIMAL(10, 0), DECIMAL(12, 2), DECIMAL(19), DECIMAL
        BIGINT: DECIMAL(19), DECIMAL
        REAL: DOUBLE
        DOUBLE: 
        DECIMAL(5): DECIMAL(10, 0), DECIMAL(10, 2), DECIMAL(12, 2), DECIMAL(19), DECIMAL
        DECIMAL(10, 0): DECIMAL(12, 2), DECIMAL(19), DECIMAL
        DECIMAL(10, 2): DECIMAL(12, 2), DECIMAL
        DECIMAL(12, 2): DECIMAL
        DECIMAL(19): DECIMAL
        DECIMAL: 
        VARCHAR: TEXT
        TEXT: VARCHAR
        DATE: 
        TIMESTAMP: 
    "#]].assert_eq(&told);
}

#[test]
fn options_of_alerts_stand_before_the_query_or_behind_it() {
    let set = "ALTER ALERT a SET (enabled = false)";
    expect!["CREATE ALERT a NOTIFY LOG WITH (retries = 3, enabled = false) AS SELECT 1"]
        .assert_eq(&altered("CREATE ALERT a NOTIFY LOG WITH (retries 3) AS SELECT 1", set));
    expect!["CREATE ALERT a NOTIFY LOG AS SELECT 1 EMIT CHANGES WITH (enabled = false)"]
        .assert_eq(&altered("CREATE ALERT a NOTIFY LOG AS SELECT 1 EMIT CHANGES", set));
    expect!["unknown option fur [fur]; did you mean for?"]
        .assert_eq(&altered("CREATE ALERT a NOTIFY LOG AS SELECT 1", "ALTER ALERT a SET (fur = '1 minute')"));
}
