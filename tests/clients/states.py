"""Holds the SQLSTATE of what is refused against a table, by psycopg.

usage: states.py HOST:PORT

The node runs the small project of xtask/src/clients/postgres.rs. A line `ok …` is a check that passed; all that fail are
told.
"""

import sys

import psycopg

HOST, PORT = sys.argv[1].rsplit(":", 1)

BEFORE = [
    "CREATE TABLE kept (id BIGINT PRIMARY KEY, name VARCHAR NOT NULL, n INT)",
    "CREATE VIEW over_kept AS SELECT id FROM kept",
    "CREATE USER ann PASSWORD 'pencil'",
    "CREATE SECRET word FROM ENV 'WORD'",
    "INSERT INTO kept VALUES (1, 'a', 1)",
]
AFTER = ["DROP SECRET word", "DROP VIEW over_kept", "DROP TABLE kept"]

# Statement by statement, as PostgreSQL tells them where it knows the like.
STATES = {
    # The text is no statement.
    "42601": [
        "SELEC 1", "SELECT 1 FROM", "SELECT (1", "SELECT 'a", "CREATE STREAM", "CREATE STREAM s (a INT", "DROP", "FETCH 1 2",
        "CREATE TABLE t ()", "COMMENT ON COLUMN x IS 'x'", "UPDATE kept SET n = 1, n = 2", "SET a b", "SELECT 1 FROM kept k k",
        "INSERT INTO kept", "TABLE", "ALTER TABLE kept FROB", "CREATE TABLE t (a INT, WATERMARK FOR a AS a)",
    ],
    # The language, or PostgreSQL, has it.
    "0A000": [
        "LISTEN x", "CALL f()", "VACUUM", "CREATE INDEX i ON kept (id)", "TRUNCATE kept", "GRANT SELECT ON kept TO ann",
        "CREATE TABLE t (a INT DEFAULT 1)", "SELECT id FROM kept FOR UPDATE", "ALTER TABLE kept RENAME TO gone", "MERGE INTO kept",
        "CREATE TABLE t (a CHAR(3))", "DECLARE c SCROLL CURSOR FOR SELECT 1",
        "CREATE TABLE t (a INT, CONSTRAINT c EXPECT (a > 0) ON VIOLATION FAIL)", "CREATE SINK s AS SELECT * FROM orders INTO FILES (PATH 'x', FORMAT 'json')",
        "CREATE CONNECTION c TO POSTGRES (HOST 'x')", "CREATE SOURCE s FROM KAFKA (TOPIC 'x')", "UPDATE kept SET (n) = (1)",
        "CREATE MATERIALIZED VIEW v AS SELECT order_id FROM orders ORDER BY 1",
        "CREATE MATERIALIZED VIEW v AS SELECT order_id FROM orders WHERE order_id = (SELECT order_id FROM orders)",
        "SELECT * FROM orders FOR SYSTEM_TIME AS OF ordered_at AS o",
        "PREPARE p AS SELECT 1", "SET ROLE ann",
    ],
    "42P01": [
        "SELECT * FROM nowhere", "SELECT * FROM kep", "INSERT INTO nowhere VALUES (1)", "UPDATE nowhere SET a = 1", "DELETE FROM nowhere",
        "CREATE VIEW v AS SELECT * FROM nowhere", "CREATE MATERIALIZED VIEW v AS SELECT * FROM nowhere", "DROP TABLE nowhere",
        "ALTER TABLE nowhere ADD a INT", "DESCRIBE nowhere", "SELECT 'nowhere'::regclass", "SELECT * FROM archive.nowhere",
        "SELECT * FROM system.nowhere", "COMMENT ON TABLE nowhere IS 'x'",
    ],
    "42703": [
        "SELECT nothing FROM kept", "SELECT id FROM kept WHERE nothing = 1", "INSERT INTO kept (nothing) VALUES (1)", "UPDATE kept SET nothing = 1",
        "DELETE FROM kept WHERE nothing = 1", "SELECT k.nothing FROM kept k", "CREATE VIEW v AS SELECT nothing FROM kept",
        "ALTER TABLE kept DROP COLUMN nothing", "COMMENT ON COLUMN kept.nothing IS 'x'", "CREATE TABLE t (a INT, PRIMARY KEY (b))",
        "CREATE MATERIALIZED VIEW v AS SELECT nothing FROM orders", "SELECT id FROM kept ORDER BY nothing", "SELECT count(*) FROM kept GROUP BY nothing",
    ],
    "42883": [
        "SELECT nothing(1)", "SELECT * FROM nothing(1)", "SELECT sum('a', 'b')", "SELECT upper(1, 2, 3)",
        "CREATE VIEW v AS SELECT nothing(id) FROM kept",
    ],
    "42704": ["ALTER USER bob PASSWORD 'x'", "DROP USER bob", "DROP SECRET nothing", "DROP SOURCE nothing", "CREATE TABLE t (a BIGNT)"],
    "42702": ["SELECT id FROM kept a JOIN kept b ON a.id = b.id"],
    "42701": [
        "CREATE TABLE t (a INT, a INT)", "CREATE VIEW v AS SELECT id, id FROM kept", "ALTER TABLE kept ADD COLUMN n INT",
        "INSERT INTO kept (id, id) VALUES (1, 1)",
    ],
    "42P07": ["CREATE TABLE kept (a INT)", "CREATE STREAM orders (a INT)", "CREATE VIEW over_kept AS SELECT 1"],
    "42710": ["CREATE USER ann PASSWORD 'x'", "CREATE SECRET word FROM ENV 'WORD'"],
    "42809": ["DROP VIEW kept", "UPDATE orders SET order_id = 1", "INSERT INTO by_category VALUES ('a', 1)", "ALTER STREAM kept ADD a INT", "INSERT INTO over_kept VALUES (1)", "COMMENT ON STREAM kept IS 'x'"],
    "42804": ["CREATE STREAM s (a INT, WATERMARK FOR a AS a) WITH (format = 'json')"],
    "22023": ["CREATE STREAM s (a INT) WITH (frmat = 'json')", "CREATE STREAM s (a INT) WITH (format = 3)", "SET TimeZone = 'Europe/Berlin'"],
    "2BP01": ["DROP TABLE kept"],
    "22P02": ["SELECT CAST('x' AS BIGINT)", "SELECT CAST(name AS BIGINT) FROM kept"],
    "22012": ["SELECT 1 / 0", "SELECT id / 0 FROM kept"],
    "22003": ["SELECT CAST(300 AS TINYINT)"],
    "23502": ["INSERT INTO kept VALUES (2, NULL, 1)"],
    "23505": ["INSERT INTO kept VALUES (1, 'b', 1)"],
    "42000": [
        "CREATE TABLE t (a INT) PARTITIONED BY (a)","SELECT id FROM kept GROUP BY name", "CREATE VIEW v (a, b, c) AS SELECT id FROM kept", "SELECT id FROM kept WHERE sum(id) > 1"],
    "34000": ["FETCH 1 FROM nothing", "CLOSE nothing"],
}


def state(connection, statement: str) -> str:
    try:
        connection.execute(statement)
    except psycopg.Error as error:
        return f"{error.sqlstate}: {error.diag.message_primary}"
    return "none: it was taken"


failed = 0
with psycopg.connect(host=HOST, port=PORT, user="me", dbname="shop", autocommit=True) as connection:
    for statement in BEFORE:
        connection.execute(statement)
    for wanted, statements in STATES.items():
        for statement in statements:
            found = state(connection, statement)
            if found.startswith(f"{wanted}: "):
                print("ok", wanted, statement, flush=True)
            else:
                failed += 1
                print(f"FAILED {statement}: wanted {wanted}, found {found}", flush=True)
    for statement in [*AFTER, "DROP USER ann"]:
        connection.execute(statement)
sys.exit(f"{failed} failed" if failed else 0)
