"""Asks a running node as PostgreSQL clients do: psql, psycopg, asyncpg, SQLAlchemy.

usage: postgres.py HOST:PORT

The node runs the small project of xtask/src/clients/postgres.rs, with 500 orders. A line `ok …` is a check that passed;
the first that fails ends the program.
"""

import asyncio
import datetime
import os
import random
import socket
import struct
import subprocess
import sys
import threading
import time
from decimal import Decimal

import asyncpg
import psycopg
import sqlalchemy

from checks import check, says

HOST, PORT = sys.argv[1].rsplit(":", 1)
LONG = "SELECT count(*) FROM generate_series(1, 100000) a, generate_series(1, 1000000) b"


def refused(what: str, connection, query: str, state: str, *parts: str) -> None:
    try:
        connection.execute(query)
    except psycopg.Error as error:
        check(f"{what}: {state}", error.sqlstate, state)
        says(f"{what}: text", str(error), *parts)
        return
    sys.exit(f"FAILED {what}: it was taken")


def psql(command: str) -> str:
    given = ["psql", "-X", "-h", HOST, "-p", PORT, "-U", "me", "-d", "shop", "-c", command]
    done = subprocess.run(given, capture_output=True, text=True, timeout=60)
    return done.stdout + done.stderr


def connect(**options):
    return psycopg.connect(host=HOST, port=PORT, user="me", dbname="shop", **options)


def with_psql() -> None:
    says("\\d", psql("\\d"), "by_category", "materialized view", "orders", "table")
    says("\\d orders", psql("\\d orders"), "order_id", "bigint", "not null", "numeric(10,2)", "timestamp with time zone")
    for command, part in [("\\dt", "orders"), ("\\dm", "by_category"), ("\\dn", "archive"), ("\\l", "shop"), ("\\du", "me"), ("\\df", "0 rows"), ("\\d+ orders", "price")]:
        says(command, psql(command), part)
        check(f"{command} without error", "ERROR" in psql(command), False)
    psql("CREATE TABLE listed (id BIGINT PRIMARY KEY)")
    psql("CREATE VIEW named AS SELECT id FROM listed")
    says("\\dt of a table", psql("\\dt"), "listed", "orders")
    says("\\dv of a view", psql("\\dv"), "named")
    check("\\dm has neither", any(name in psql("\\dm") for name in ["listed", "named"]), False)
    says("what takes rows", psql("SELECT table_type, is_insertable_into FROM information_schema.tables WHERE table_name = 'listed'"), "BASE TABLE", "YES")
    psql("DROP TABLE listed CASCADE")
    says("several statements", psql("SELECT 1 AS one; SELECT 2 AS two"), "one", "two")
    says("a place in the text", psql("SELECT nothing FROM orders"), "LINE 1: SELECT nothing", "       ^")
    says("COPY as CSV", psql("COPY (SELECT 1 AS a, 'x,\"y' AS b, NULL AS c) TO STDOUT CSV HEADER"), 'a,b,c\n1,"x,""y",\n')


def with_psycopg() -> None:
    utc = datetime.timezone.utc
    values = [
        True, 5, 70_000, 2**40, 1.5, Decimal("12.345"), "x'y", b"\x00\xff", datetime.date(2024, 2, 29),
        datetime.time(1, 2, 3, 4), datetime.datetime(2024, 1, 1, 12, tzinfo=utc), datetime.timedelta(days=3, seconds=5),
        [1, 2, 3], [1.5],
    ]
    connection = connect(autocommit=True)
    for binary in (False, True):
        cursor = connection.cursor(binary=binary)
        for value in values:
            for form in ("%b", "%t"):
                found = cursor.execute(f"SELECT {form} AS v", (value,)).fetchone()[0]
                check(f"{type(value).__name__} by {form}, binary rows {binary}", found, value)
    cursor = connection.execute("SELECT order_id, price FROM orders WHERE order_id = %s", (7,))
    check("a parameter in WHERE", cursor.fetchall(), [(7, Decimal("7.07"))])
    check("a struct", connection.execute("SELECT named_struct('a', 1) AS s").fetchone(), ({"a": 1},))
    refused("a name", connection, "SELECT nothing FROM orders", "42703", "nothing")
    refused("a relation", connection, "SELECT * FROM nowhere", "42P01", "nowhere")
    refused("grammar", connection, "SELEC 1", "42601", "did you mean SELECT?")
    refused("LISTEN", connection, "LISTEN x", "0A000", "LISTEN is not supported")
    refused("a zone", connection, "SET TimeZone = 'Europe/Berlin'", "22023", "UTC")
    connection.execute("SET statement_timeout = '300ms'")
    refused("statement_timeout", connection, LONG, "57014", "statement_timeout")
    connection.execute("RESET statement_timeout")
    timer = threading.Timer(0.5, connection.cancel)
    timer.start()
    refused("cancel", connection, LONG, "57014", "cancelled")
    timer.join()
    with connection.pipeline():
        one, two = connection.execute("SELECT 1"), connection.execute("SELECT 2")
        check("a pipeline", (one.fetchone(), two.fetchone()), ((1,), (2,)))
    with connection.cursor().copy("COPY (SELECT value FROM generate_series(1, 3)) TO STDOUT (FORMAT binary)") as copy:
        copy.set_types(["int8"])
        check("COPY as binary", list(copy.rows()), [(1,), (2,), (3,)])
    in_transaction(connect())


def in_transaction(connection) -> None:
    with connection.cursor("named") as cursor:
        cursor.itersize = 10
        cursor.execute("SELECT value FROM generate_series(1, 25)")
        check("a cursor", len(cursor.fetchall()), 25)
    refused("a change in a block", connection, "CREATE STREAM more (a INT)", "25001", "autocommit")
    refused("what comes after an error", connection, "SELECT 1", "25P02", "ROLLBACK")
    connection.rollback()
    with connection.transaction():
        try:
            with connection.transaction():
                connection.execute("SELECT 1 / 0").fetchall()
        except psycopg.errors.DivisionByZero:
            pass
        check("after a savepoint", connection.execute("SELECT 1").fetchone(), (1,))


async def with_asyncpg() -> None:
    connection = await asyncpg.connect(host=HOST, port=int(PORT), user="me", database="shop")
    rows = await connection.fetch("SELECT order_id, price FROM orders WHERE category = $1 ORDER BY 1 LIMIT 2", "c3")
    check("asyncpg", [tuple(row) for row in rows], [(3, Decimal("3.03")), (13, Decimal("13.13"))])
    await connection.close()


def with_sqlalchemy() -> None:
    engine = sqlalchemy.create_engine(f"postgresql+psycopg://me@{HOST}:{PORT}/shop")
    inspector = sqlalchemy.inspect(engine)
    check("schemas", {"public", "archive", "system"} <= set(inspector.get_schema_names()), True)
    check("tables", inspector.get_table_names(), ["orders"])
    check("materialized views", inspector.get_materialized_view_names(), ["by_category"])
    columns = [(column["name"], str(column["type"]), column["nullable"]) for column in inspector.get_columns("orders")]
    wanted = [("order_id", "BIGINT", False), ("category", "TEXT", True), ("price", "NUMERIC(10, 2)", True), ("ordered_at", "TIMESTAMP", False)]
    check("columns", columns, wanted)


def copy_refused(what: str, connection, statement: str, data: str | bytes, state: str, *parts: str) -> None:
    try:
        with connection.cursor().copy(statement) as copy:
            copy.write(data)
    except psycopg.Error as error:
        check(f"{what}: {state}", error.sqlstate, state)
        says(f"{what}: text", f"{error} {error.diag.context}", *parts)
        return
    sys.exit(f"FAILED {what}: it was taken")


def with_copy() -> None:
    connection = connect(autocommit=True)
    connection.execute("CREATE STREAM copied (id BIGINT NOT NULL, name VARCHAR, price DECIMAL(10, 2), at TIMESTAMP, good BOOLEAN) PARTITION KEY (id) WITH (format = 'json', partitions = 3)")
    utc = datetime.timezone.utc
    rows = [
        (1, "a\tb\nc\\", Decimal("1.50"), datetime.datetime(2024, 1, 1, 12, tzinfo=utc), True),
        (2, None, None, None, None),
        (3, "", Decimal("-7"), datetime.datetime(1999, 12, 31, 23, 59, 59, 999999, tzinfo=utc), False),
    ]
    for form in ("text", "binary"):
        with connection.cursor().copy(f"COPY copied FROM STDIN (FORMAT {form})") as copy:
            copy.set_types(["int8", "text", "numeric", "timestamptz", "bool"])
            for row in rows:
                copy.write_row(row)
        found = connection.execute("SELECT * FROM copied ORDER BY id").fetchall()
        check(f"COPY FROM as {form}", found, rows if form == "text" else sorted(rows * 2, key=lambda row: row[0]))
    given = ["psql", "-X", "-h", HOST, "-p", PORT, "-U", "me", "-d", "shop", "-c"]
    csv = 'name;id\n"x;""y""";10\n;11\n"";12\n'
    command = "\\copy copied (name, id) FROM STDIN (FORMAT csv, HEADER match, DELIMITER ';')"
    done = subprocess.run([*given, command], input=csv, capture_output=True, text=True, timeout=60)
    says("psql copies", done.stdout + done.stderr, "COPY 3")
    found = connection.execute("SELECT id, name FROM copied WHERE id >= 10 ORDER BY id").fetchall()
    check("CSV", found, [(10, 'x;"y"'), (11, None), (12, "")])
    with connection.cursor().copy("COPY copied (id) FROM STDIN") as copy:
        for start in range(100_000, 200_000, 10_000):
            copy.write("".join(f"{id}\n" for id in range(start, start + 10_000)))
    check("many rows", connection.execute("SELECT count(*) FROM copied WHERE id >= 100000").fetchone(), (100_000,))
    csv = "COPY copied (id, name, price) FROM STDIN (FORMAT csv, NULL 'none')"
    for what, statement, data, state, *parts in [
        ("no number", csv, "1,a,2\n2,b,3\nx,c,4\n", "22P02", "COPY copied, line 3, column id"),
        ("too many digits", csv, "1,a,2.555\n", "22P02", "COPY copied, line 1, column price"),
        ("too few fields", csv, "1,a\n", "22P04", 'missing data for column "price"', "COPY copied, line 1"),
        ("too many fields", csv, "1,a,2,3\n", "22P04", "extra data", "COPY copied, line 1"),
        ("NULL where none may be", csv, "1,a,2\nnone,a,2\n", "23502", 'null value in column "id"', "COPY copied, line 2"),
        ("an open quote", csv, '1,"a,2\n', "22P04", "a quoted field does not end"),
        ("no UTF-8", csv, b"1,\xff,2\n", "22021", "COPY copied, line 1, column name"),
        ("a header of others", "COPY copied (id) FROM STDIN (FORMAT csv, HEADER match)", "name\n1\n", "22P04", 'got "name"'),
        ("no binary", "COPY copied FROM STDIN (FORMAT binary)", b"1\n", "22P04", "not the binary format"),
        ("a view", "COPY by_category FROM STDIN", "", "42809", "is a view"),
        ("nothing", "COPY copid FROM STDIN", "", "42P01", "did you mean copied?"),
        ("a column", "COPY copied (idd) FROM STDIN", "", "42703", "there is no column idd"),
    ]:
        copy_refused(f"COPY of {what}", connection, statement, data, state, *parts)
    check("nothing of them was taken", connection.execute("SELECT count(*) FROM copied WHERE id = 1").fetchone(), (2,))
    try:
        with connection.cursor().copy("COPY copied FROM STDIN") as copy:
            copy.write("1\ta\t1\t2024-01-01\tt\n")
            raise KeyError("enough")
    except KeyError:
        pass
    check("nor of one that was broken off", connection.execute("SELECT count(*) FROM copied WHERE id = 1").fetchone(), (2,))
    connection.execute("CREATE TABLE goods (good_id BIGINT PRIMARY KEY, name VARCHAR)")
    for name in ("old", "new"):
        with connection.cursor().copy("COPY goods FROM STDIN") as copy:
            copy.write(f"1\t{name}\n2\t{name}\n")
    check("COPY replaces by key", connection.execute("SELECT * FROM goods ORDER BY 1").fetchall(), [(1, "new"), (2, "new")])
    refused("COPY FROM in a block", connect(), "COPY copied FROM STDIN", "25001", "autocommit")
    connection.execute("DROP STREAM copied")
    connection.execute("DROP TABLE goods")


def with_garbage() -> None:
    hello = b"user\0me\0\0"
    hello = struct.pack("!ii", 8 + len(hello), 196_608) + hello
    for sent in [b"GET / HTTP/1.1\r\n\r\n", struct.pack("!ii", 0x7FFFFFFF, 196_608), struct.pack("!ii", 8, 131_072)]:
        with socket.create_connection((HOST, int(PORT)), timeout=10) as door:
            door.sendall(sent)
            check(f"garbage {sent[:8]!r}", door.recv(1), b"E")
    for sent in [b"!\0\0\0\4", b"Q\x7f\xff\xff\xff", b"Q\0\0\0\6\xff\0", b"Q\0\0\0\1"]:
        with socket.create_connection((HOST, int(PORT)), timeout=10) as door:
            door.sendall(hello + sent)
            all_of_it = b"".join(iter(lambda: door.recv(65_536), b""))
            check(f"garbage {sent[:5]!r}", b"C08P01" in all_of_it, True)


def with_random_bytes() -> None:
    seed = int.from_bytes(os.urandom(4), "big")
    print(f"seed {seed}", flush=True)
    dice = random.Random(seed)
    hello = b"user\0me\0\0"
    hello = struct.pack("!ii", 8 + len(hello), 196_608) + hello
    for _ in range(300):
        if dice.random() < 0.3:
            sent = dice.randbytes(dice.randrange(1, 200))
        else:
            bodies = [dice.randbytes(dice.randrange(0, 60)) for _ in range(dice.randrange(1, 6))]
            tags = [dice.choice(b"QPBDECSHFXpdcf\0") for _ in bodies]
            sent = hello + b"".join(bytes([tag]) + struct.pack("!i", 4 + len(body)) + body for tag, body in zip(tags, bodies))
        with socket.create_connection((HOST, int(PORT)), timeout=10) as door:
            # The node may have closed it before the rest was sent.
            try:
                door.sendall(sent)
                if dice.random() < 0.5:
                    door.shutdown(socket.SHUT_WR)
                    while door.recv(65_536):
                        pass
            except TimeoutError:
                sys.exit("FAILED a connection with random bytes hangs")
            except OSError:
                pass
    with connect(autocommit=True) as connection:
        check("random bytes have done no harm", connection.execute("SELECT count(*) FROM orders").fetchone(), (500,))


def with_many_connections() -> None:
    many = [connect(autocommit=True) for _ in range(200)]
    check("many connections", [each.execute("SELECT 1").fetchone()[0] for each in many], [1] * len(many))
    for each in many:
        each.close()
    half_open = [socket.create_connection((HOST, int(PORT)), timeout=10) for _ in range(50)]
    for each in half_open:
        each.sendall(b"\0\0\0")
    with connect(autocommit=True) as connection:
        check("half-open ones hold nobody up", connection.execute("SELECT 1").fetchone(), (1,))
    for each in half_open:
        each.close()


def wait_for_rows() -> None:
    with connect(autocommit=True) as connection:
        for _ in range(600):
            if connection.execute("SELECT count(*) FROM orders").fetchone() == (500,):
                return
            time.sleep(0.1)
    sys.exit("FAILED the 500 orders never came")


wait_for_rows()
with_psql()
with_psycopg()
asyncio.run(with_asyncpg())
with_sqlalchemy()
with_copy()
with_garbage()
with_random_bytes()
with_many_connections()
