"""Runs nodes whose catalog, checkpoints and lake are in an S3 bucket, over a network that loses answers, kills them,
and reads what they left: by the node itself, and by `deltalake`.

usage: storage.py BINARY FOLDER SEED

A line `ok …` is a check that passed; the first that fails ends the program.
"""

import json
import logging
import os
import pathlib
import random
import socket
import subprocess
import sys
import threading
import time

import boto3
from deltalake import DeltaTable
from moto.server import ThreadedMotoServer

from checks import check, says

BINARY, FOLDER, SEED = sys.argv[1], pathlib.Path(sys.argv[2]), int(sys.argv[3])
ROWS, KILLS = 60_000, 5
PROJECT = f"""
CREATE STREAM events (id BIGINT NOT NULL, v BIGINT) PARTITION KEY (id) WITH (partitions = 2);
CREATE SOURCE made INTO events FROM GENERATOR (ROWS {ROWS}, RATE 9000, SEED 3,
    FIELDS (id = 'sequence(1, 1)', v = 'integer(0, 99)'));
CREATE MATERIALIZED VIEW by_v AS SELECT v, count(*) AS n, sum(id) AS total FROM events GROUP BY v;
CREATE MATERIALIZED VIEW even AS SELECT id, v FROM events WHERE v % 2 = 0;
CREATE TABLE notes (id BIGINT NOT NULL, text VARCHAR);
"""
QUERIES = ["SELECT count(*), count(DISTINCT id), sum(v) FROM events", "SELECT count(*), sum(id) FROM even",
           "SELECT * FROM by_v ORDER BY v"]


class Network:
    """Passes requests on to a server. Some answers are lost: the connection closes in their place."""

    def __init__(self, server: tuple[str, int], seed: int):
        self.server, self.random = server, random.Random(seed)
        self.loss, self.lost = 0.0, 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self) -> None:
        while True:
            near, _ = self.listener.accept()
            far = socket.create_connection(self.server)
            for source, target, is_answer in [(near, far, False), (far, near, True)]:
                threading.Thread(target=self.carry, args=(source, target, is_answer), daemon=True).start()

    def carry(self, source: socket.socket, target: socket.socket, is_answer: bool) -> None:
        try:
            while data := source.recv(1 << 16):
                if is_answer and self.random.random() < self.loss:
                    self.lost += 1
                    break
                target.sendall(data)
        except OSError:
            pass
        for end in (source, target):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


def node(data: str, storage: str | None, *arguments: str) -> subprocess.Popen:
    given = [BINARY, "run", "project", "--data-dir", data, "--http", "127.0.0.1:0", "--postgres", "off"]
    given += ["--checkpoint-interval", "300 ms", *arguments, *(["--storage", storage] if storage else [])]
    with open(FOLDER / f"{data}.log", "ab") as log:
        return subprocess.Popen(given, cwd=FOLDER, stdout=log, stderr=log)


def finish(data: str, storage: str | None) -> None:
    done = node(data, storage, "--until-idle").wait(timeout=300)
    log = (FOLDER / f"{data}.log").read_text()[-2000:]
    check(f"the last run of {data} comes to its end", done or 0, 0) if done == 0 else sys.exit(log)


def sql(data: str, storage: str | None, query: str) -> str:
    given = [BINARY, "sql", "--project", "project", "--data-dir", data, "--format", "csv", query]
    given += ["--storage", storage] if storage else []
    done = subprocess.run(given, cwd=FOLDER, capture_output=True, text=True, timeout=120)
    return done.stdout if done.returncode == 0 else done.stderr


def killed(storage: str, network: Network) -> None:
    """Notes that are written to a table while nodes die: each that was acknowledged is there, once."""
    chance, written = random.Random(SEED), 0
    for _ in range(KILLS):
        running = node("bucket", storage)
        announced, deadline = FOLDER / "bucket" / "node.json", time.monotonic() + 120
        while not (announced.exists() and json.loads(announced.read_text())["pid"] == running.pid):
            if running.poll() is not None or time.monotonic() > deadline:
                sys.exit((FOLDER / "bucket.log").read_text()[-2000:])
            time.sleep(0.05)
        until = time.monotonic() + chance.uniform(0.3, 2.5)
        while time.monotonic() < until:
            found = sql("bucket", storage, f"INSERT INTO notes VALUES ({written}, 'note')")
            if "error" in found:
                sys.exit(f"FAILED an INSERT: {found}")
            written += 1
        running.kill()
        running.wait()
    network.loss = 0.0
    finish("bucket", storage)
    check("every note is there, once", sql("bucket", storage, "SELECT count(*), count(DISTINCT id) FROM notes"),
          f"count(*),count(DISTINCT notes.id)\n{written},{written}\n")


def main() -> None:
    (FOLDER / "project").mkdir(parents=True)
    (FOLDER / "project/main.sql").write_text(PROJECT)
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer("127.0.0.1", 0)
    server.start()
    network = Network(server.get_host_and_port(), SEED)
    os.environ.update(AWS_ACCESS_KEY_ID="key", AWS_SECRET_ACCESS_KEY="secret", AWS_REGION="us-east-1",
                      AWS_DEFAULT_REGION="us-east-1", AWS_ENDPOINT_URL=network.url)
    bucket = boto3.resource("s3", endpoint_url=network.url).create_bucket(Bucket="lake")
    storage = "s3://lake/prod"

    finish("local", None)
    network.loss = 0.05
    killed(storage, network)
    check("answers were lost", network.lost > 0, True)
    for query in QUERIES:
        check(f"as on a local disk: {query}", sql("bucket", storage, query), sql("local", None, query))

    own = {"catalog", "checkpoints", "lake"} & {entry.name for entry in (FOLDER / "bucket").iterdir()}
    check("the data folder has neither catalog, checkpoints nor lake", own, set())
    manifests = [found.key for found in bucket.objects.filter(Prefix="prod/checkpoints/manifest-")]
    check("older checkpoints are gone", len(manifests), 2)
    options = {"AWS_ENDPOINT_URL": network.url, "AWS_ALLOW_HTTP": "true"}
    archive = DeltaTable("s3://lake/prod/lake/events", storage_options=options).to_pyarrow_table()
    ids = archive.column("id").to_pylist()
    check("deltalake reads each row of the archive once", (len(ids), len(set(ids))), (ROWS, ROWS))

    says("a bucket of another data folder", sql("local", storage, "SELECT 1"), "has a catalog and a lake of its own")
    check("another data folder fails", node("other", storage, "--until-idle").wait(timeout=60), 1)
    says("and says why", (FOLDER / "other.log").read_text(), "s3://lake/prod belongs to another data folder")
    says("a data folder without its bucket", sql("bucket", None, "SELECT 1"), "are in s3://lake/prod")
    says("a bucket that is not there", sql("bucket", "s3://none/prod", "SELECT 1"), "are in s3://lake/prod")
    bucket.objects.filter(Prefix="prod/").delete()
    says("a bucket that was emptied", sql("bucket", storage, "SELECT 1"), "has nothing of data folder")


main()
