"""Asks a running node for keys and comments, as psql and SQLAlchemy do.

usage: catalog.py HOST:PORT

The node runs the small project of xtask/src/clients/postgres.rs. A line `ok …` is a check that passed; the first that
fails ends the program.
"""

import subprocess
import sys

import psycopg
import sqlalchemy

from checks import check

HOST, PORT = sys.argv[1].rsplit(":", 1)


def says(what: str, text: str, *parts: str) -> None:
    check(what, [part for part in parts if part not in text] and text, [])
    check(f"{what}: no error", "ERROR" in text, False)


def psql(command: str) -> str:
    given = ["psql", "-X", "-h", HOST, "-p", PORT, "-U", "me", "-d", "shop", "-c", command]
    done = subprocess.run(given, capture_output=True, text=True, timeout=60)
    return done.stdout + done.stderr


MADE = [
    # The key is not in the order of the columns, and another relation has the name that its index would have.
    'CREATE TABLE goods (name VARCHAR, "Shop" VARCHAR, id BIGINT, PRIMARY KEY (id, "Shop"))',
    "CREATE TABLE goods_pkey (a BIGINT)",
    "COMMENT ON TABLE goods IS 'what is sold, or ''was'''",
    "COMMENT ON COLUMN goods.id IS 'as printed on it'",
    "CREATE STREAM seen (id BIGINT NOT NULL) WITH (format = 'json')",
    "COMMENT ON STREAM seen IS 'who looked'",
    "CREATE MATERIALIZED VIEW by_id AS SELECT id, count(*) AS n FROM seen GROUP BY id",
    "COMMENT ON MATERIALIZED VIEW by_id IS 'how often'",
    "COMMENT ON COLUMN by_id.n IS 'looks'",
]
GONE = ["DROP MATERIALIZED VIEW by_id", "DROP STREAM seen", "DROP TABLE goods_pkey", "DROP TABLE goods"]


def keys_by_psql() -> None:
    says("\\d of a table", psql("\\d goods"), "Indexes:", '"goods_pkey1" PRIMARY KEY, btree (id, "Shop")')
    says("\\d of a view", psql("\\d by_id"), "Indexes:", '"by_id_pkey" PRIMARY KEY, btree (id)')
    says("\\d of what has no key", psql("\\d goods_pkey"), "a ")
    check("it has none", "Indexes" in psql("\\d goods_pkey"), False)
    says("\\d of an index", psql("\\d goods_pkey1"), 'Index "public.goods_pkey1"', "id ", "Shop", 'primary key, btree, for table "public.goods"')
    says("\\di", psql("\\di"), "goods_pkey1", "by_id_pkey", "index", "goods")
    says("\\di+", psql("\\di+"), "goods_pkey1", "btree")
    query = "SELECT a.attname FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = ANY(i.indkey) WHERE i.indrelid = 'goods'::regclass AND i.indisprimary"
    says("a query that many write", psql(query), "Shop", "id", "(2 rows)")
    query = """SELECT kcu.column_name, kcu.ordinal_position FROM information_schema.table_constraints tc
        JOIN information_schema.key_column_usage kcu ON tc.constraint_name = kcu.constraint_name AND tc.table_schema = kcu.table_schema
        WHERE tc.constraint_type = 'PRIMARY KEY' AND tc.table_name = 'goods' ORDER BY 2"""
    says("information_schema", psql(query), "id          |                1", "Shop        |                2")
    says("pg_indexes", psql("SELECT indexdef FROM pg_indexes WHERE tablename = 'goods'"), 'CREATE UNIQUE INDEX goods_pkey1 ON public.goods USING btree (id, "Shop")')
    says("constraints", psql("SELECT conname, pg_get_constraintdef(oid), conrelid::regclass FROM pg_constraint WHERE conrelid = 'goods'::regclass"), 'PRIMARY KEY (id, "Shop")', "goods_pkey1 ", "(1 row)")
    says("positions", psql("SELECT conkey[n] AS at, n FROM (SELECT conkey, generate_subscripts(conkey, 1) AS n FROM pg_constraint WHERE conrelid = 'goods'::regclass) x ORDER BY n"), "3 | 1", "2 | 2")


def comments_by_psql() -> None:
    says("\\dt+", psql("\\dt+"), "what is sold, or 'was'", "who looked")
    says("\\dm+", psql("\\dm+"), "how often")
    says("\\d+ of a table", psql("\\d+ goods"), "as printed on it")
    says("\\d+ of a view", psql("\\d+ by_id"), "looks")
    says("\\dd", psql("\\dd"), "Description")
    says("obj_description", psql("SELECT obj_description('goods'::regclass, 'pg_class') AS a, col_description('goods'::regclass, 3) AS b"), "what is sold, or 'was' | as printed on it")
    says("pg_description", psql("SELECT objsubid, description FROM pg_description WHERE classoid = 'pg_class'::regclass AND objoid = 'goods'::regclass ORDER BY 1"), "0 | what is sold", "3 | as printed", "(2 rows)")


def by_sqlalchemy() -> None:
    engine = sqlalchemy.create_engine(f"postgresql+psycopg://me@{HOST}:{PORT}/shop")
    inspector = sqlalchemy.inspect(engine)
    key = inspector.get_pk_constraint("goods")
    check("the key", (key["name"], key["constrained_columns"]), ("goods_pkey1", ["id", "Shop"]))
    key = inspector.get_pk_constraint("by_id")
    check("the key of a view", (key["name"], key["constrained_columns"]), ("by_id_pkey", ["id"]))
    check("no key", inspector.get_pk_constraint("goods_pkey")["constrained_columns"], [])
    check("no other indexes", (inspector.get_indexes("goods"), inspector.get_indexes("by_id")), ([], []))
    check("no other constraints", (inspector.get_unique_constraints("goods"), inspector.get_foreign_keys("goods"), inspector.get_check_constraints("goods")), ([], [], []))
    check("the comment", inspector.get_table_comment("goods"), {"text": "what is sold, or 'was'"})
    check("the comment of a view", inspector.get_table_comment("by_id"), {"text": "how often"})
    check("no comment", inspector.get_table_comment("goods_pkey"), {"text": None})
    check("comments of columns", [column["comment"] for column in inspector.get_columns("goods")], [None, None, "as printed on it"])
    tables = sqlalchemy.MetaData()
    tables.reflect(engine, views=True)
    goods = tables.tables["goods"]
    check("reflected key", [column.name for column in goods.primary_key], ["id", "Shop"])
    check("reflected comments", (goods.comment, goods.c.id.comment), ("what is sold, or 'was'", "as printed on it"))
    check("reflected view", [column.name for column in tables.tables["by_id"].primary_key], ["id"])


with psycopg.connect(host=HOST, port=PORT, user="me", dbname="shop", autocommit=True) as connection:
    for statement in MADE:
        connection.execute(statement)
    keys_by_psql()
    comments_by_psql()
    by_sqlalchemy()
    connection.execute("COMMENT ON TABLE goods IS NULL")
    check("a comment that is gone", connection.execute("SELECT obj_description('goods'::regclass)").fetchone(), (None,))
    for statement in GONE:
        connection.execute(statement)
    check("keys go with their tables", connection.execute("SELECT count(*) FROM pg_index").fetchone(), (1,))
