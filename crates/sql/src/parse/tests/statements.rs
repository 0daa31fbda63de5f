//! Statements beside streams, sources, materialized views and queries: read right, told right when they are wrong.

use super::refused::told_each;
use super::*;
use crate::ast::{Change, Column, Commented, Destination, ExplainView, Expression, SecretOrigin, Show, SinkRows};

pub(super) fn describe(statement: &Statement, told: &mut String) -> std::fmt::Result {
    let shown = match statement {
        Statement::CreateTable(create) => {
            let query = create.query.as_ref().map_or(String::new(), |query| format!(" as {}", query.text));
            let mut rows = String::new();
            rules(&create.rules, &mut rows)?;
            let (key, parts) = (names(&create.primary_key), names(&create.partitioned_by));
            let with = list(&create.options);
            format!(
                "table {} {} key {key} by {parts} with {with}{query}\n{rows}",
                create.name,
                columns(&create.columns)
            )
        }
        Statement::CreateExternalTable(create) => {
            let (with, columns) = (list(&create.options), columns(&create.columns));
            format!("external {} {columns} {} '{}' with {with}", create.name, create.format, create.location)
        }
        Statement::CreateView(create) => {
            format!("view {} {} as {}", create.name, names(&create.columns), create.query_text)
        }
        Statement::CreateSink(create) => {
            let from = match &create.from {
                SinkRows::Relation(name) => name.value.clone(),
                SinkRows::Query(query) => query.text.clone(),
            };
            let into = match &create.into {
                Destination::Files(options) => format!("files {}", list(options)),
                Destination::Http(options) => format!("http {}", list(options)),
                Destination::Connection { connection, options } => format!("connection {connection} {}", list(options)),
            };
            format!("sink {} from {from} into {into} with {}", create.name, list(&create.options))
        }
        Statement::CreateAlert(create) => alerts::describe(create),
        Statement::CreateExperiment(create) => experiments::describe(create),
        Statement::CreateFeatureView(create) => learning::describe_features(create),
        Statement::CreateModel(create) => learning::describe_model(create),
        Statement::CreateConnection(create) => {
            format!("connection {} to {} {}", create.name, create.kind, list(&create.options))
        }
        Statement::CreateSecret(create) => match &create.from {
            SecretOrigin::Env(variable) => format!("secret {} from variable {variable}", create.name),
            SecretOrigin::File(path) => format!("secret {} from file {path}", create.name),
        },
        Statement::CreateUser(create) => format!("user {} {:?}", create.name, create.password),
        Statement::AlterUser(alter) => format!("alter user {} {:?}", alter.name, alter.password),
        other => return describe_action(other, told),
    };
    writeln!(told, "{} {:?}", shown.trim_end(), statement.existing())
}

fn describe_action(statement: &Statement, told: &mut String) -> std::fmt::Result {
    match statement {
        Statement::Alter(alter) => {
            writeln!(told, "{} {} if_exists={}", statement.words().to_lowercase(), alter.name, alter.if_exists)?;
            for action in &alter.actions {
                match &action.change {
                    Change::AddColumn { column, if_not_exists } => {
                        writeln!(told, "  add {} {if_not_exists}", columns(std::slice::from_ref(column)))?;
                    }
                    Change::DropColumn { column, if_exists } => writeln!(told, "  drop {column} {if_exists}")?,
                    Change::DropNotNull(column) => writeln!(told, "  {column} may be null")?,
                    Change::AddRule(rule) => writeln!(told, "  rule {} {}", rule.name, rule.condition_text)?,
                    Change::DropRule(name) => writeln!(told, "  no rule {name}")?,
                    Change::Query(query) => writeln!(told, "  as {}", query.text)?,
                    Change::Location(place) => writeln!(told, "  at {place}")?,
                    Change::ColumnType { column, data_type, .. } => writeln!(told, "  {column} is {data_type}")?,
                    Change::Run(run) => writeln!(told, "  {run:?}")?,
                    Change::Options(options) => writeln!(told, "  set {}", list(options))?,
                }
            }
            Ok(())
        }
        Statement::Drop(drop) => {
            let flags = format!("if_exists={} cascade={} purge={}", drop.if_exists, drop.cascade, drop.purge);
            writeln!(told, "drop {} {} {flags}", drop.kind, names(&drop.names))
        }
        Statement::Comment(comment) => match &comment.on {
            Commented::Object { kind, name } => writeln!(told, "comment on {kind} {name}: {:?}", comment.text),
            Commented::Column { relation, column } => {
                writeln!(told, "comment on column {relation}.{column}: {:?}", comment.text)
            }
        },
        Statement::Insert(insert) => {
            writeln!(told, "insert {} {}: {}", insert.into, names(&insert.columns), insert.query.text)
        }
        Statement::Update(update) => {
            let set = update.assignments.iter().map(|one| format!("{} := {}", one.column, one.value.text));
            writeln!(
                told,
                "update {} {}{}",
                update.table,
                set.collect::<Vec<_>>().join(", "),
                filter(&update.condition)
            )
        }
        Statement::Delete(delete) => writeln!(told, "delete {}{}", delete.table, filter(&delete.condition)),
        Statement::Show(Show::Objects { kind: Some(kind), like }) => writeln!(told, "show all {kind} like {like:?}"),
        Statement::Show(Show::Objects { kind: None, like }) => writeln!(told, "show relations like {like:?}"),
        Statement::Show(Show::Columns(relation)) => writeln!(told, "show columns of {relation}"),
        Statement::Show(Show::Create { kind, name }) => writeln!(told, "show statement of {kind:?} {name}"),
        Statement::ExplainView(ExplainView::Existing(name)) => writeln!(told, "explain view {name}"),
        Statement::ExplainView(ExplainView::Planned(view)) => writeln!(told, "explain new view {}", view.name),
        Statement::ReplayDeadLetters(replay) => {
            let of = replay.of.as_ref().map_or("all", |name| &name.value);
            writeln!(told, "replay {of}{}", filter(&replay.condition))
        }
        Statement::TrainModel(train) => writeln!(told, "train {}", train.name),
        Statement::PromoteModel(promote) => writeln!(told, "promote {} {:?}", promote.name, promote.version),
        Statement::AnalyzeExperiment(analyze) => writeln!(told, "analyze {}", analyze.name),
        Statement::CancelQuery(cancel) => writeln!(told, "cancel {}", cancel.id),
        Statement::RefreshView(refresh) => {
            let range = refresh.range.as_ref().map(|(from, to)| format!(" from {} to {}", from.text, to.text));
            let explained = if refresh.explain { "explained " } else { "" };
            let features = if refresh.is_feature_view { "features " } else { "" };
            writeln!(told, "{explained}refresh {features}{}{}", refresh.name, range.unwrap_or_default())
        }
        other => panic!("described elsewhere: {other:?}"),
    }
}

fn filter(condition: &Option<Expression>) -> String {
    condition.as_ref().map_or(String::new(), |condition| format!(" where {}", condition.text))
}

fn columns(columns: &[Column]) -> String {
    let one = |column: &Column| {
        format!("{} {}{}", column.name, column.data_type, if column.not_null { " NOT NULL" } else { "" })
    };
    format!("({})", columns.iter().map(one).collect::<Vec<_>>().join(", "))
}

#[test]
fn what_create_makes() {
    check(
        "CREATE TABLE products (product_id BIGINT PRIMARY KEY, name VARCHAR NOT NULL, price DECIMAL(10, 2),
             CONSTRAINT priced EXPECT (price >= 0) ON VIOLATION FAIL) PARTITIONED BY (name) WITH ();
         CREATE TABLE IF NOT EXISTS pairs (a INT, b INT, PRIMARY KEY (a, B));
         CREATE OR REPLACE TABLE copies PARTITIONED BY (day) AS SELECT * FROM orders;
         CREATE TABLE keyed (PRIMARY KEY (a)) AS SELECT 1 AS a;
         CREATE EXTERNAL TABLE trips STORED AS PARQUET LOCATION 's3://bucket/trips/';
         CREATE EXTERNAL TABLE IF NOT EXISTS t (a INT, b TEXT) STORED AS csv LOCATION 'd' OPTIONS (header false, delimiter ';');
         CREATE VIEW cheap (id, cost) AS SELECT product_id, price FROM products WHERE price < 1;
         CREATE OR REPLACE VIEW v AS VALUES (1);
         CREATE SINK out FROM suspicious INTO FILES (PATH 'out/', FORMAT 'json') WITH (enabled = false);
         CREATE SINK hook AS SELECT a, (SELECT 1) FROM t WHERE b > 1 INTO HTTP (URL 'http://localhost/', HEADERS (\"X-Key\" SECRET k));
         CREATE CONNECTION shop TO POSTGRES (HOST 'localhost', PORT 5432, PASSWORD SECRET shop_password);
         CREATE SECRET shop_password FROM ENV 'SHOP_PASSWORD'; CREATE SECRET IF NOT EXISTS s FROM FILE '/run/secrets/s';
         CREATE USER anna PASSWORD 'geheim'; CREATE OR REPLACE USER bob PASSWORD SECRET bobs;
         CREATE STREAM IF NOT EXISTS s (a INT)",
        expect![[r#"
            table products (product_id BIGINT, name VARCHAR NOT NULL, price DECIMAL(10,2)) key (product_id) by (name) with ()
              rule priced (price >= 0) FAIL Refuse
            table pairs (a INT, b INT) key (a, b) by () with () Keep
            table copies () key () by (day) with () as SELECT * FROM orders Replace
            table keyed () key (a) by () with () as SELECT 1 AS a Refuse
            external trips () PARQUET 's3://bucket/trips/' with () Refuse
            external t (a INT, b TEXT) CSV 'd' with (header = false, delimiter = ';') Keep
            view cheap (id, cost) as SELECT product_id, price FROM products WHERE price < 1 Refuse
            view v () as VALUES (1) Replace
            sink out from suspicious into files (path = 'out/', format = 'json') with (enabled = false) Refuse
            sink hook from SELECT a, (SELECT 1) FROM t WHERE b > 1 into http (url = 'http://localhost/', headers = (X-Key = secret k)) with () Refuse
            connection shop to postgres (host = 'localhost', port = 5432, password = secret shop_password) Refuse
            secret shop_password from variable SHOP_PASSWORD Refuse
            secret s from file /run/secrets/s Keep
            user anna Text(…) Refuse
            user bob Secret(bobs) Replace
            stream s
              a INT
              key () with ()
        "#]],
    );
}

#[test]
fn what_alter_and_drop_change() {
    check(
        "ALTER STREAM orders ADD COLUMN note VARCHAR, ADD tip DOUBLE, DROP COLUMN category, DROP x,
             ALTER COLUMN amount TYPE DECIMAL(12, 2), ALTER id SET DATA TYPE BIGINT, SET (retention = '30 days');
         ALTER TABLE products ADD primary BOOLEAN;
         ALTER STREAM IF EXISTS orders ADD COLUMN IF NOT EXISTS note VARCHAR, DROP COLUMN IF EXISTS x,
             ALTER amount DROP NOT NULL, ADD CONSTRAINT c EXPECT (amount > 0) ON VIOLATION DROP, DROP CONSTRAINT d,
             ADD COLUMN constraint INT, DROP constraint;
         ALTER EXTERNAL TABLE trips SET LOCATION 's3://bucket/trips/', SET (header = false);
         ALTER VIEW v AS SELECT 1 AS a; ALTER MATERIALIZED VIEW m AS SELECT a, count(*) FROM s GROUP BY a;
         ALTER MATERIALIZED VIEW m SET (partitions = 2);
         ALTER USER anna PASSWORD 'x';
         DROP STREAM orders; DROP SOURCE IF EXISTS a, b CASCADE; DROP TABLE t RESTRICT; DROP EXTERNAL TABLE t;
         DROP VIEW v; DROP MATERIALIZED VIEW v PURGE CASCADE; DROP CONNECTION c; DROP SECRET s; DROP USER u; DROP SINK x;
         COMMENT ON STREAM orders IS 'what was bought'; COMMENT ON COLUMN orders.\"Id\" IS NULL;
         COMMENT ON MATERIALIZED VIEW v IS 'it''s'",
        expect![[r#"
            alter stream orders if_exists=false
              add (note VARCHAR) false
              add (tip DOUBLE) false
              drop category false
              drop x false
              amount is DECIMAL(12,2)
              id is BIGINT
              set (retention = '30 days')
            alter table products if_exists=false
              add (primary BOOLEAN) false
            alter stream orders if_exists=true
              add (note VARCHAR) true
              drop x true
              amount may be null
              rule c amount > 0
              no rule d
              add (constraint INT) false
              drop constraint false
            alter table trips if_exists=false
              at s3://bucket/trips/
              set (header = false)
            alter view v if_exists=false
              as SELECT 1 AS a
            alter materialized view m if_exists=false
              as SELECT a, count(*) FROM s GROUP BY a
            alter materialized view m if_exists=false
              set (partitions = 2)
            alter user anna Text(…) Refuse
            drop STREAM (orders) if_exists=false cascade=false purge=false
            drop SOURCE (a, b) if_exists=true cascade=true purge=false
            drop TABLE (t) if_exists=false cascade=false purge=false
            drop TABLE (t) if_exists=false cascade=false purge=false
            drop VIEW (v) if_exists=false cascade=false purge=false
            drop MATERIALIZED VIEW (v) if_exists=false cascade=true purge=true
            drop CONNECTION (c) if_exists=false cascade=false purge=false
            drop SECRET (s) if_exists=false cascade=false purge=false
            drop USER (u) if_exists=false cascade=false purge=false
            drop SINK (x) if_exists=false cascade=false purge=false
            comment on STREAM orders: Some("what was bought")
            comment on column orders.Id: None
            comment on MATERIALIZED VIEW v: Some("it's")
        "#]],
    );
}

#[test]
fn rows_that_are_written() {
    check(
        "INSERT INTO orders VALUES (1, 'a'), (2, NULL);
         INSERT INTO orders (id, \"Name\") SELECT a, b FROM t WHERE c;
         INSERT INTO TABLE t (WITH x AS (SELECT 1) SELECT * FROM x);
         UPDATE products SET price = price * 2, name = (SELECT max(n) FROM t) WHERE id IN (1, 2);
         UPDATE products SET price = 0;
         DELETE FROM products WHERE price IS NULL OR name LIKE 'x%'; DELETE FROM products",
        expect![[r#"
            insert orders (): VALUES (1, 'a'), (2, NULL)
            insert orders (id, Name): SELECT a, b FROM t WHERE c
            insert t (): (WITH x AS (SELECT 1) SELECT * FROM x)
            update products price := price * 2, name := (SELECT max(n) FROM t) where id IN (1, 2)
            update products price := 0
            delete products where price IS NULL OR name LIKE 'x%'
            delete products
        "#]],
    );
}

#[test]
fn what_is_shown_and_done() {
    check(
        "SHOW STREAMS; SHOW MATERIALIZED VIEWS LIKE 'sales%'; SHOW TABLES; SHOW RELATIONS; SHOW USERS; SHOW SECRETS;
         SHOW COLUMNS FROM system.streams; DESCRIBE orders; DESC \"Orders\";
         SHOW CREATE orders; SHOW CREATE STREAM orders; SHOW CREATE MATERIALIZED VIEW v; SHOW CREATE table;
         EXPLAIN MATERIALIZED VIEW v; EXPLAIN CREATE MATERIALIZED VIEW v AS SELECT 1 FROM t;
         REPLAY DEAD LETTERS; REPLAY DEAD LETTERS OF orders WHERE reason LIKE '%amount%'; CANCEL QUERY 'q-7';
         REFRESH MATERIALIZED VIEW v; REFRESH FEATURE VIEW f; explain refresh materialized view v from '2026-01-01' to '2026-02-01 12:00'",
        expect![[r#"
            show all STREAM like None
            show all MATERIALIZED VIEW like Some("sales%")
            show all TABLE like None
            show relations like None
            show all USER like None
            show all SECRET like None
            show columns of system.streams
            show columns of orders
            show columns of Orders
            show statement of None orders
            show statement of Some(Stream) orders
            show statement of Some(MaterializedView) v
            show statement of None table
            explain view v
            explain new view v
            replay all
            replay orders where reason LIKE '%amount%'
            cancel q-7
            refresh v
            refresh features f
            explained refresh v from 2026-01-01 to 2026-02-01 12:00
        "#]],
    );
}

#[test]
fn statements_that_are_wrong() {
    let statements = [
        "CREATE OR REPLACE VIEW IF NOT EXISTS v AS SELECT 1",
        "CREATE TABLE t",
        "CREATE TABLE t ()",
        "CREATE TABLE t (CONSTRAINT c EXPECT (a > 0) ON VIOLATION DROP)",
        "CREATE TABLE t (a INT, PRIMARY KEY (b))",
        "CREATE TABLE t (a INT PRIMARY KEY, b INT PRIMARY KEY)",
        "CREATE TABLE t (a INT, WATERMARK FOR a AS a)",
        "CREATE TABLE t (a INT) PARTITION KEY (a)",
        "CREATE TABLE t (a INT) PARTITIONED BY (b)",
        "CREATE TABLE t (a INT) AS SELECT 1",
        "CREATE TABLE t (a INT DEFAULT 1)",
        "CREATE TABLE t (a INT) WITH (retention = '1 day')",
        "CREATE EXTERNAL TABLE t LOCATION 'x'",
        "CREATE EXTERNAL TABLE t STORED AS CSV",
        "CREATE EXTERNAL TABLE t STORED AS AVRO LOCATION 'x'",
        "CREATE EXTERNAL TABLE t STORED AS PARQUET LOCATION 'x' OPTIONS (header true)",
        "CREATE EXTERNAL TABLE t STORED AS CSV LOCATION 'x' OPTIONS (delimiter '||')",
        "CREATE EXTERNAL TABLE t (a INT PRIMARY KEY) STORED AS CSV LOCATION 'x'",
        "CREATE VIEW v WITH (a = 1) AS SELECT 1",
        "CREATE VIEW v AS SELECT 1 FROM t EMIT CHANGES",
        "CREATE SINK s INTO FILES (PATH 'x')",
        "CREATE SINK s FROM a INTO FILE (PATH 'x')",
        "CREATE SINK s AS SELECT 1",
        "CREATE SINK s FROM a INTO FILES (PATH 'x') WITH (enabld = true)",
        "CREATE CONNECTION c (HOST 'x')",
        "CREATE CONNECTION c TO POSTGRES",
        "CREATE SECRET s 'hunter2'",
        "CREATE SECRET s FROM 'hunter2'",
        "CREATE SECRET s FROM VAULT 'x'",
        "CREATE USER u",
        "CREATE USER u PASSWORD ''",
        "ALTER STREAM s RENAME TO t",
        "ALTER TABLE s ADD CONSTRAINT c EXPECT (a > 0) ON VIOLATION DROP",
        "ALTER SINK x ADD COLUMN a INT",
        "ALTER VIEW v SET (a = 1), ADD COLUMN b INT",
        "ALTER MATERIALIZED VIEW v RENAME TO w",
        "ALTER STREAM s AS SELECT 1",
        "ALTER STREAM s ALTER COLUMN a SET NOT NULL",
        "ALTER STREAM s ALTER COLUMN a TYPE BIGNT",
        "ALTER STREAM s ALTER COLUMN a BIGINT",
        "ALTER TABLE t DROP COLUMN a CASCADE",
        "ALTER STREAM s FROB",
        "DROP STREAM",
        "DROP STREAM a, a",
        "DROP VIEW v PURGE",
        "DROP STREAM a CASCADE RESTRICT",
        "DROP STREAM a b",
        "COMMENT ON SECRET s IS 'x'",
        "COMMENT ON COLUMN x IS 'x'",
        "COMMENT ON STREAM s IS x",
        "INSERT INTO t DEFAULT VALUES",
        "INSERT INTO t VALUES (1) RETURNING a",
        "INSERT INTO t (a, a) VALUES (1, 2)",
        "INSERT INTO t VALUES (1) ON CONFLICT DO NOTHING",
        "INSERT INTO a.b.c VALUES (1)",
        "INSERT OVERWRITE t VALUES (1)",
        "UPDATE t AS u SET a = 1",
        "UPDATE t SET a = 1, a = 2",
        "UPDATE t SET a = 1 FROM u",
        "UPDATE t SET a = (SELECT 1 FROM u FOR UPDATE)",
        "DELETE t",
        "DELETE FROM t u WHERE a",
        "DELETE FROM t USING u",
        "SHOW STREAMS WHERE a",
        "SHOW COLUMNS orders",
        "REPLAY LETTERS",
        "REPLAY DEAD LETTERS FROM orders",
        "CANCEL QUERY 7",
        "SELECT * FROM t WHERE a = 1 EXPLAIN",
    ];
    expect![[r#"
        CREATE OR REPLACE VIEW IF NOT EXISTS v AS SELECT 1
            OR REPLACE and IF NOT EXISTS exclude each other [IF NOT EXISTS] say whether an object of the name is replaced or kept
        CREATE TABLE t
            expected (, found the end of the statement [] the columns stand in parentheses, or AS and a query
        CREATE TABLE t ()
            expected the name of a column, found ) [)] 
        CREATE TABLE t (CONSTRAINT c EXPECT (a > 0) ON VIOLATION DROP)
            a table has at least one column [(CONSTRAINT c EXPECT (a > 0) ON VIOLATION DROP)] or fill it from a query: CREATE TABLE name AS SELECT …
        CREATE TABLE t (a INT, PRIMARY KEY (b))
            there is no column b [b] 
        CREATE TABLE t (a INT PRIMARY KEY, b INT PRIMARY KEY)
            a table has one PRIMARY KEY [PRIMARY KEY] a key of several columns is written PRIMARY KEY (a, b)
        CREATE TABLE t (a INT, WATERMARK FOR a AS a)
            a table has no WATERMARK: it has no order of arrival [WATERMARK] CREATE STREAM makes what has event time
        CREATE TABLE t (a INT) PARTITION KEY (a)
            a table has no PARTITION KEY [PARTITION] PARTITIONED BY (…) says how its files are laid out
        CREATE TABLE t (a INT) PARTITIONED BY (b)
            there is no column b [b] 
        CREATE TABLE t (a INT) AS SELECT 1
            columns beside AS are not built yet [a INT] name and cast the columns in the query: SELECT a::BIGINT AS b
        CREATE TABLE t (a INT DEFAULT 1)
            DEFAULT on a column is not built yet [DEFAULT] 
        CREATE TABLE t (a INT) WITH (retention = '1 day')
            unknown option retention [retention] there are no options here
        CREATE EXTERNAL TABLE t LOCATION 'x'
            expected STORED AS, found the end of the statement [] say what the files are: STORED AS PARQUET
        CREATE EXTERNAL TABLE t STORED AS CSV
            expected LOCATION, found the end of the statement [] say where the files are: LOCATION 'data/trips/'
        CREATE EXTERNAL TABLE t STORED AS AVRO LOCATION 'x'
            STORED AS AVRO is not built yet [AVRO] what works: CSV, JSON, PARQUET, DELTA
        CREATE EXTERNAL TABLE t STORED AS PARQUET LOCATION 'x' OPTIONS (header true)
            unknown option header [header] the options here are region, endpoint, unsigned
        CREATE EXTERNAL TABLE t STORED AS CSV LOCATION 'x' OPTIONS (delimiter '||')
            delimiter must be one ASCII character ['||'] 
        CREATE EXTERNAL TABLE t (a INT PRIMARY KEY) STORED AS CSV LOCATION 'x'
            an external table has no PRIMARY KEY [PRIMARY] 
        CREATE VIEW v WITH (a = 1) AS SELECT 1
            a view has no options [WITH] it is its query by another name: AS follows
        CREATE VIEW v AS SELECT 1 FROM t EMIT CHANGES
            a view has no EMIT [EMIT] CREATE MATERIALIZED VIEW keeps its rows up to date and emits them
        CREATE SINK s INTO FILES (PATH 'x')
            expected FROM or AS, found INTO [INTO] say which rows leave: FROM relation, or AS SELECT …
        CREATE SINK s FROM a INTO FILE (PATH 'x')
            expected FILES, HTTP or CONNECTION, found FILE [FILE] did you mean FILES?
        CREATE SINK s AS SELECT 1
            expected INTO, found the end of the statement [] say where the rows go: INTO FILES (PATH 'out/', FORMAT 'json') or INTO HTTP (URL 'https://…')
        CREATE SINK s FROM a INTO FILES (PATH 'x') WITH (enabld = true)
            unknown option enabld [enabld] did you mean enabled?
        CREATE CONNECTION c (HOST 'x')
            expected TO, found ( [(] say to what: TO POSTGRES (HOST 'localhost', …)
        CREATE CONNECTION c TO POSTGRES
            expected (, found the end of the statement [] the options stand in parentheses
        CREATE SECRET s 'hunter2'
            a secret does not stand in its statement ['hunter2'] statements are kept in the catalog, where whoever reads it would find the secret; write FROM ENV 'VARIABLE', or FROM FILE 'path'
        CREATE SECRET s FROM 'hunter2'
            a secret does not stand in its statement ['hunter2'] statements are kept in the catalog, where whoever reads it would find the secret; write FROM ENV 'VARIABLE', or FROM FILE 'path'
        CREATE SECRET s FROM VAULT 'x'
            expected FROM ENV or FROM FILE, found VAULT [VAULT] write FROM ENV 'VARIABLE', or FROM FILE 'path'
        CREATE USER u
            expected PASSWORD, found the end of the statement [] write PASSWORD 'text', or PASSWORD SECRET name
        CREATE USER u PASSWORD ''
            a password must not be empty [''] 
        ALTER STREAM s RENAME TO t
            RENAME is not built yet [RENAME] what works: ADD [COLUMN], DROP [COLUMN], ALTER [COLUMN] … TYPE, ALTER [COLUMN] … DROP NOT NULL, ADD CONSTRAINT, DROP CONSTRAINT, SET (option = value)
        ALTER TABLE s ADD CONSTRAINT c EXPECT (a > 0) ON VIOLATION DROP
            ADD CONSTRAINT is not built yet [CONSTRAINT] what works: ADD [COLUMN], DROP [COLUMN], ALTER [COLUMN] … TYPE, ALTER [COLUMN] … DROP NOT NULL, of external tables SET (option = value), SET LOCATION
        ALTER SINK x ADD COLUMN a INT
            a sink has no columns of its own [ADD] what works: SET (enabled = false), SET (enabled = true)
        ALTER VIEW v SET (a = 1), ADD COLUMN b INT
            a view has no options [SET] what works: AS query
        ALTER MATERIALIZED VIEW v RENAME TO w
            RENAME is not built yet [RENAME] what works: AS query, SET (option = value), PAUSE, RESUME, RESET
        ALTER STREAM s AS SELECT 1
            there is no such change [AS] what works: ADD [COLUMN], DROP [COLUMN], ALTER [COLUMN] … TYPE, ALTER [COLUMN] … DROP NOT NULL, ADD CONSTRAINT, DROP CONSTRAINT, SET (option = value)
        ALTER STREAM s ALTER COLUMN a SET NOT NULL
            ALTER COLUMN … SET NOT NULL is not built yet [SET] what works: ADD [COLUMN], DROP [COLUMN], ALTER [COLUMN] … TYPE, ALTER [COLUMN] … DROP NOT NULL, ADD CONSTRAINT, DROP CONSTRAINT, SET (option = value)
        ALTER STREAM s ALTER COLUMN a TYPE BIGNT
            BIGNT is not a type [BIGNT] did you mean BIGINT?
        ALTER STREAM s ALTER COLUMN a BIGINT
            expected TYPE, found BIGINT [BIGINT] write ALTER COLUMN a TYPE BIGINT
        ALTER TABLE t DROP COLUMN a CASCADE
            DROP COLUMN … CASCADE is not built yet [CASCADE] what works: ADD [COLUMN], DROP [COLUMN], ALTER [COLUMN] … TYPE, ALTER [COLUMN] … DROP NOT NULL, of external tables SET (option = value), SET LOCATION
        ALTER STREAM s FROB
            there is no such change [FROB] what works: ADD [COLUMN], DROP [COLUMN], ALTER [COLUMN] … TYPE, ALTER [COLUMN] … DROP NOT NULL, ADD CONSTRAINT, DROP CONSTRAINT, SET (option = value)
        DROP STREAM
            expected the name of the stream, found the end of the statement [] 
        DROP STREAM a, a
            a stands twice [a] 
        DROP VIEW v PURGE
            a view has no history to purge [PURGE] 
        DROP STREAM a CASCADE RESTRICT
            CASCADE or RESTRICT stands twice [RESTRICT] 
        DROP STREAM a b
            expected a comma, CASCADE, PURGE or the end of the statement, found b [b] 
        COMMENT ON SECRET s IS 'x'
            expected STREAM, TABLE, VIEW, MATERIALIZED VIEW, SOURCE, SINK, CHART, DASHBOARD or COLUMN, found SECRET [SECRET] 
        COMMENT ON COLUMN x IS 'x'
            expected ., found IS [IS] a column is written relation.column
        COMMENT ON STREAM s IS x
            expected a text or NULL, found x [x] texts stand in single quotes
        INSERT INTO t DEFAULT VALUES
            INSERT … DEFAULT is not built yet [DEFAULT] 
        INSERT INTO t VALUES (1) RETURNING a
            RETURNING is not built yet [RETURNING] 
        INSERT INTO t (a, a) VALUES (1, 2)
            column a stands twice [a] 
        INSERT INTO t VALUES (1) ON CONFLICT DO NOTHING
            ON CONFLICT is not built yet [ON] 
        INSERT INTO a.b.c VALUES (1)
            the name of a relation has at most two parts [a.b] write schema.relation
        INSERT OVERWRITE t VALUES (1)
            INSERT OVERWRITE is not built yet [OVERWRITE] 
        UPDATE t AS u SET a = 1
            another name for the table here is not built yet [AS] 
        UPDATE t SET a = 1, a = 2
            column a is set twice [a] 
        UPDATE t SET a = 1 FROM u
            UPDATE … FROM is not built yet [FROM] ask for the value in a subquery: SET a = (SELECT …)
        UPDATE t SET a = (SELECT 1 FROM u FOR UPDATE)
            FOR UPDATE and FOR SHARE is not built yet [SELECT 1 FROM u] 
        DELETE t
            expected FROM, found t [t] 
        DELETE FROM t u WHERE a
            another name for the table here is not built yet [u] 
        DELETE FROM t USING u
            DELETE … USING is not built yet [USING] name the rows by their own columns
        SHOW STREAMS WHERE a
            expected LIKE or the end of the statement, found WHERE [WHERE] 
        SHOW COLUMNS orders
            expected FROM, found orders [orders] say of what: SHOW COLUMNS FROM orders
        REPLAY LETTERS
            expected DEAD LETTERS, found LETTERS [LETTERS] 
        REPLAY DEAD LETTERS FROM orders
            expected OF, WHERE or the end of the statement, found FROM [FROM] 
        CANCEL QUERY 7
            expected the id of a query, found 7 [7] system.queries has the ids of what runs
        SELECT * FROM t WHERE a = 1 EXPLAIN
            expected the end of the statement, found EXPLAIN [EXPLAIN] statements are separated by semicolons
    "#]].assert_eq(&told_each(&statements));
}
