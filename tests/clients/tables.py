"""External tables over files that others put into a bucket, and tables of the node's lake that others read.

usage: tables.py BINARY FOLDER SEED

The seed makes the rows. A line `ok …` is a check that passed; the first that fails ends the program.
"""

import csv
import datetime
import io
import json
import logging
import os
import pathlib
import random
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from decimal import Decimal

import boto3
import pyarrow as pa
import pyarrow.parquet as parquet
from deltalake import DeltaTable, write_deltalake
from moto.server import ThreadedMotoServer

from checks import check, says

BINARY, FOLDER, SEED = sys.argv[1], pathlib.Path(sys.argv[2]), int(sys.argv[3])
CHANCE = random.Random(SEED)
TRIPS = [(number, CHANCE.choice("abc"), CHANCE.randrange(1000) / 4) for number in range(500)]


class Node:
    """A node of a project whose statements are these."""

    def __init__(self, statements: str):
        (FOLDER / "project").mkdir(parents=True, exist_ok=True)
        (FOLDER / "project/main.sql").write_text(statements)
        self.log = FOLDER / "node.log"
        given = [BINARY, "run", "project", "--http", "127.0.0.1:0", "--postgres", "off"]
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(given, cwd=FOLDER, stdout=log, stderr=log)
        announced, deadline = FOLDER / "project/.headwater/node.json", time.monotonic() + 60
        while not (announced.exists() and json.loads(announced.read_text())["pid"] == self.process.pid):
            if self.process.poll() is not None or time.monotonic() > deadline:
                sys.exit(f"FAILED a node does not start: {self.log.read_text()[-3000:]}")
            time.sleep(0.05)

    def stop(self) -> str:
        self.process.terminate()
        self.process.wait(timeout=60)
        return self.log.read_text()


def sql(query: str) -> str:
    given = [BINARY, "sql", "--project", "project", "--format", "csv", query]
    done = subprocess.run(given, cwd=FOLDER, capture_output=True, text=True, timeout=120)
    return done.stdout if done.returncode == 0 else done.stderr


def put_trips(client, options: dict) -> None:
    """The same rows in every format, under names that are no plain text."""
    text = io.StringIO()
    rows = csv.writer(text)
    rows.writerow(["id", "zone", "km"])
    rows.writerows(TRIPS)
    client.put_object(Bucket="others", Key="csv 100%/trips+1.csv", Body=text.getvalue())
    for zone in "abc":
        lines = [json.dumps({"id": number, "km": km}) for number, of, km in TRIPS if of == zone]
        client.put_object(Bucket="others", Key=f"json/zone={zone}/part.ndjson", Body="\n".join(lines))
    table = pa.table({"id": [one[0] for one in TRIPS], "zone": [one[1] for one in TRIPS],
                      "km": [one[2] for one in TRIPS]})
    for number, part in enumerate([table.slice(0, 200), table.slice(200)]):
        body = io.BytesIO()
        parquet.write_table(part, body)
        client.put_object(Bucket="others", Key=f"parquet/part-{number}.parquet", Body=body.getvalue())
    client.put_object(Bucket="others", Key="parquet/other.txt", Body="no rows")
    for part in [table.slice(0, 100), table.slice(100)]:
        write_deltalake("s3://others/delta table", part, mode="append", partition_by=["zone"], storage_options=options)


TABLES = """
CREATE EXTERNAL TABLE in_csv STORED AS CSV LOCATION 's3://others/csv 100%/trips+1.csv';
CREATE EXTERNAL TABLE in_json STORED AS JSON LOCATION 's3://others/json';
CREATE EXTERNAL TABLE in_parquet STORED AS PARQUET LOCATION 's3://others/parquet/part-*.parquet';
CREATE EXTERNAL TABLE in_delta STORED AS DELTA LOCATION 's3://others/delta table/';
CREATE EXTERNAL TABLE named (id BIGINT, zone VARCHAR) STORED AS PARQUET LOCATION 's3://others/parquet/' WITH (unsigned = true);
CREATE TABLE takings (id BIGINT PRIMARY KEY, day DATE, shop VARCHAR, amount DECIMAL(10, 2)) PARTITIONED BY (day, shop);
"""
SHOPS = ["Oslo", "Köln / \"x\"", "a=b%20c", None]


def external(client) -> None:
    wanted = "\n".join(f"{zone},{sum(of == zone for _, of, _ in TRIPS)},{sum(km for _, of, km in TRIPS if of == zone)}"
                       for zone in "abc")
    for name in ["in_csv", "in_json", "in_parquet", "in_delta"]:
        found = sql(f"SELECT zone, count(*) AS n, sum(km) AS km FROM {name} GROUP BY zone ORDER BY zone")
        check(f"{name} has the rows", found.strip(), f"zone,n,km\n{wanted}")
    check("columns that are named are read", sql("SELECT count(*) AS n, count(zone) AS z FROM named"), "n,z\n500,500\n")
    client.put_object(Bucket="others", Key="csv 100%/trips+1.csv", Body="id,zone,km\n1,a,2.5\n")
    check("a file that is another now is read as it is", sql("SELECT * FROM in_csv"), "id,zone,km\n1,a,2.5\n")
    wrong = [("s3://nobody/x/", "", "cannot read s3://nobody/x/"), ("s3://others/nothing/", "", "there are no CSV files"),
             ("s3://others/csv 100%/trips+1.csv", " WITH (endpoint = 'http://127.0.0.1:9')", "cannot read s3://others")]
    for number, (place, options, part) in enumerate(wrong):
        statement = f"CREATE EXTERNAL TABLE wrong{number} STORED AS CSV LOCATION '{place}'{options}"
        found = sql(statement)
        says(f"refused: {place}{options}", found, "error", part, "LOCATION")


def read_by_others() -> None:
    """Rows that statements wrote into folders of their values, as deltalake sees them."""
    rows = [(number, datetime.date(2026, 1, 1 + number % 3) if number % 7 else None, SHOPS[number % 4], number * 5)
            for number in range(100)]
    literal = lambda value: "NULL" if value is None else "'" + str(value).replace("'", "''") + "'"
    for begin in range(0, 100, 25):
        values = ", ".join(f"({number}, {literal(day)}, {literal(shop)}, {cents / 100})"
                           for number, day, shop, cents in rows[begin:begin + 25])
        check("rows go in", sql(f"INSERT INTO takings VALUES {values}").strip(), "INSERT 0 25")
    sql("UPDATE takings SET shop = 'Rome' WHERE id % 10 = 3")
    sql("DELETE FROM takings WHERE day = '2026-01-02'")
    left = [(number, day, "Rome" if number % 10 == 3 else shop, Decimal(cents) / 100) for number, day, shop, cents in rows
            if day != datetime.date(2026, 1, 2)]
    table = DeltaTable(str(FOLDER / "project/.headwater/lake/@tables/takings"))
    found = sorted(tuple(row[name] for name in ["id", "day", "shop", "amount"])
                   for row in table.to_pyarrow_table().to_pylist())
    check("deltalake reads the rows that are left", found, left)
    check("deltalake knows the layout", table.metadata().partition_columns, ["day", "shop"])
    only = table.to_pyarrow_table(filters=[("shop", "=", "Rome")]).num_rows
    check("and reads some of it", only, sum(shop == "Rome" for _, _, shop, _ in left))
    answer = sql("SELECT id, shop FROM takings WHERE shop = 'a=b%20c' ORDER BY id").splitlines()[1:]
    check("as the node does", answer, [f"{number},{shop}" for number, _, shop, _ in left if shop == "a=b%20c"])


def purged() -> None:
    """What goes with a stream: its archive stays, or does not."""
    lake, names = FOLDER / "project/.headwater/lake", ["заказы", "two words"]
    for name in names:
        sql(f'CREATE STREAM "{name}" (a INT)')
        announced = json.loads((FOLDER / "project/.headwater/node.json").read_text())
        url = f"http://{announced['http']}/v1/streams/{urllib.parse.quote(name)}"
        request = urllib.request.Request(url, b'{"a": 1}\n', {"Content-Type": "application/x-ndjson"})
        check(f"rows for {name} come in", urllib.request.urlopen(request).status, 200)
        check(f"{name} has an archive", sql(f'SELECT count(*) AS n FROM archive."{name}"').split()[0], "n")
    before = {folder.name for folder in lake.iterdir()}
    sql('DROP STREAM "two words"')
    check("an archive stays", {folder.name for folder in lake.iterdir()}, before)
    sql("DROP STREAM заказы PURGE")
    gone = before - {folder.name for folder in lake.iterdir() if any(folder.rglob("*.parquet")) or any(folder.rglob("*.json"))}
    check("an archive goes", gone, {"".join(f"@{byte:02X}" for byte in "заказы".encode())})


def main() -> None:
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer("127.0.0.1", 0)
    server.start()
    url = "http://{}:{}".format(*server.get_host_and_port())
    os.environ.update(AWS_ACCESS_KEY_ID="key", AWS_SECRET_ACCESS_KEY="secret", AWS_REGION="us-east-1",
                      AWS_DEFAULT_REGION="us-east-1", AWS_ENDPOINT_URL=url)
    client = boto3.client("s3", endpoint_url=url)
    client.create_bucket(Bucket="others")
    put_trips(client, {"AWS_ENDPOINT_URL": url, "AWS_ALLOW_HTTP": "true"})
    FOLDER.mkdir(parents=True)
    node = Node(TABLES)
    external(client)
    read_by_others()
    purged()
    node.stop()
    boto3.resource("s3", endpoint_url=url).Bucket("others").objects.all().delete()
    node = Node(TABLES)
    says("a query says that the files are gone", sql("SELECT * FROM in_json"), "there are no JSON files")
    check("the rest is there", sql("SELECT count(*) > 0 AS some FROM takings"), "some\ntrue\n")
    says("a node starts without the files, and says so", node.stop(), "external table in_json keeps its columns")


main()
