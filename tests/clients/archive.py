"""Reads a stream's archive with two Delta readers that share no code with each other, and compares.

usage: archive.py FOLDER --rows N --sum DECIMAL [--expression SQL]

`deltalake` reads the table as its own library does. `duckdb` reads the Parquet files that the Delta
log names, found here from the log's JSON and checkpoint files alone. Each must give the same number of
rows, the exact sum as a decimal, and no (_partition, _offset) twice. A line `ok …` is a check that
passed; the first that fails ends the program.
"""

import argparse
import json
import pathlib
import sys
from decimal import Decimal
from urllib.parse import unquote

import duckdb
import pyarrow as pa
from deltalake import DeltaTable, QueryBuilder

ARCHIVE_COLUMNS = ["_partition", "_offset", "_timestamp"]


def live_files(table: pathlib.Path) -> list[str]:
    """The files of the newest version: the last checkpoint's, then every later commit's changes."""
    log = table / "_delta_log"
    files, version = set(), -1
    last = log / "_last_checkpoint"
    if last.exists():
        version = json.loads(last.read_text())["version"]
        parts = sorted(str(part) for part in log.glob(f"{version:020}.checkpoint*.parquet"))
        rows = duckdb.sql(f"SELECT add.path FROM read_parquet({parts}) WHERE add.path IS NOT NULL").fetchall()
        files = {path for (path,) in rows}
    for commit in sorted(log.glob("*.json")):
        if int(commit.stem) <= version:
            continue
        for line in commit.read_text().splitlines():
            action = json.loads(line)
            if "add" in action:
                files.add(action["add"]["path"])
            if "remove" in action:
                files.discard(action["remove"]["path"])
    return [str(table / unquote(path)) for path in sorted(files)]


def with_deltalake(table: pathlib.Path, query: str) -> list[tuple]:
    answer = QueryBuilder().register("archive", DeltaTable(str(table))).execute(query)
    rows = pa.table(answer.read_all()).to_pylist()
    return [tuple(row.values()) for row in rows]


def with_duckdb(table: pathlib.Path, query: str) -> list[tuple]:
    session = duckdb.connect()
    session.execute(f"CREATE VIEW archive AS SELECT * FROM read_parquet({live_files(table)})")
    return session.execute(query).fetchall()


def check(what: str, found, wanted) -> None:
    if found != wanted:
        sys.exit(f"FAILED {what}: {found}, should be {wanted}")
    print(f"ok {what}: {found}")


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("folder", type=pathlib.Path)
    arguments.add_argument("--rows", type=int, required=True)
    arguments.add_argument("--sum", type=Decimal, required=True)
    arguments.add_argument("--expression", default="quantity * unitprice")
    given = arguments.parse_args()
    stream = given.folder.name

    columns = [field.name for field in DeltaTable(str(given.folder)).schema().fields]
    check(f"{stream}: the archive's own columns come last", columns[-3:], ARCHIVE_COLUMNS)
    totals = f"SELECT count(*), sum({given.expression}) FROM archive"
    twice = (
        "SELECT count(*) FROM (SELECT _partition, _offset FROM archive"
        " GROUP BY _partition, _offset HAVING count(*) > 1) AS twice"
    )
    for reader in (with_deltalake, with_duckdb):
        name = reader.__name__.removeprefix("with_")
        ((rows, total),) = reader(given.folder, totals)
        check(f"{stream} by {name}: rows", rows, given.rows)
        check(f"{stream} by {name}: the sum is a decimal", type(total), Decimal)
        check(f"{stream} by {name}: sum({given.expression})", total, given.sum)
        check(f"{stream} by {name}: places in the log held twice", reader(given.folder, twice), [(0,)])


if __name__ == "__main__":
    main()
