"""Queries of Nexmark in Apache Flink: flink.py SCRIPTS EVENTS REPEATS QUERY…

EVENTS is a folder with persons, auctions and bids, each two files of JSON that hold every second event. SCRIPTS has cpu.py,
which sums the processor time of this process and its children. Prints a line of JSON a query: the best processor time, and
the best time of the job itself, without its submission. Results are dropped."""

import json
import os
import sys

scripts, events, repeats, wanted = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4:]
sys.path.insert(0, scripts)

from cpu import tree_cpu
from pyflink.common import Configuration
from pyflink.table import EnvironmentSettings, TableEnvironment

settings = {
    "parallelism.default": os.environ.get("PAR", "2"),
    "taskmanager.memory.managed.size": "2gb",
    "taskmanager.memory.task.heap.size": "4gb",
    "taskmanager.numberOfTaskSlots": "4",
    "rest.port": "0",
    "rest.bind-address": "127.0.0.1",
    "rest.address": "127.0.0.1",
}
configuration = Configuration()
for name, value in settings.items():
    configuration.set_string(name, value)
environment = EnvironmentSettings.new_instance().in_streaming_mode().with_configuration(configuration).build()
tables = TableEnvironment.create(environment)

COLUMNS = {
    "person": "id BIGINT, name STRING, email_address STRING, credit_card STRING, city STRING, state STRING, "
    "date_time TIMESTAMP(3), extra STRING",
    "auction": "id BIGINT, item_name STRING, description STRING, initial_bid BIGINT, reserve BIGINT, "
    "date_time TIMESTAMP(3), expires TIMESTAMP(3), seller BIGINT, category BIGINT, extra STRING",
    "bid": "auction BIGINT, bidder BIGINT, price BIGINT, channel STRING, url STRING, date_time TIMESTAMP(3), extra STRING",
}
for name, columns in COLUMNS.items():
    tables.execute_sql(
        f"CREATE TABLE {name} ({columns}, WATERMARK FOR date_time AS date_time - INTERVAL '4' SECOND) WITH ("
        f"'connector'='filesystem', 'path'='file://{events}/{name}s', 'format'='json', "
        "'json.timestamp-format.standard'='SQL')"
    )


def ranks(of, name):
    return (
        f"{of} AS total_{name}, {of} FILTER (WHERE price < 10000) AS rank1_{name}, "
        f"{of} FILTER (WHERE price >= 10000 AND price < 1000000) AS rank2_{name}, "
        f"{of} FILTER (WHERE price >= 1000000) AS rank3_{name}"
    )


def tumble(table):
    return f"TABLE(TUMBLE(TABLE {table}, DESCRIPTOR(date_time), INTERVAL '10' SECOND))"


RANKS = ", ".join([ranks("count(*)", "bids"), ranks("count(DISTINCT bidder)", "bidders"), ranks("count(DISTINCT auction)", "auctions")])
DAY = "DATE_FORMAT(date_time, 'yyyy-MM-dd')"
CHANNEL = "REGEXP_EXTRACT(url, '(&|^)channel_id=([^&]*)', 2)"

QUERIES = {
    "q3": """SELECT P.name, P.city, P.state, A.id FROM auction AS A JOIN person AS P ON A.seller = P.id
        WHERE A.category = 10 AND P.state IN ('OR', 'ID', 'CA')""",
    "q4": """SELECT category, AVG(final) AS average FROM (
        SELECT MAX(B.price) AS final, A.category FROM auction AS A, bid AS B
        WHERE A.id = B.auction AND B.date_time BETWEEN A.date_time AND A.expires GROUP BY A.id, A.category)
        GROUP BY category""",
    "q8": f"""SELECT P.id, P.name, P.window_start FROM (
        SELECT id, name, window_start, window_end FROM {tumble("person")} GROUP BY id, name, window_start, window_end) AS P
        JOIN (SELECT seller, window_start, window_end FROM {tumble("auction")} GROUP BY seller, window_start, window_end) AS A
        ON P.id = A.seller AND P.window_start = A.window_start AND P.window_end = A.window_end""",
    "q9": """SELECT id, item_name, description, initial_bid, reserve, date_time, expires, seller, category, extra,
        auction, bidder, price, bid_time, bid_extra FROM (
        SELECT A.*, B.auction, B.bidder, B.price, B.date_time AS bid_time, B.extra AS bid_extra,
            ROW_NUMBER() OVER (PARTITION BY A.id ORDER BY B.price DESC, B.date_time ASC) AS place
        FROM auction AS A, bid AS B WHERE A.id = B.auction AND B.date_time BETWEEN A.date_time AND A.expires)
        WHERE place <= 1""",
    "q10": f"SELECT auction, bidder, price, date_time, extra, {DAY} AS dt, DATE_FORMAT(date_time, 'HH:mm') AS hm FROM bid",
    "q11": """SELECT bidder, COUNT(*) AS bid_count, window_start AS starttime, window_end AS endtime
        FROM TABLE(SESSION(TABLE bid PARTITION BY bidder, DESCRIPTOR(date_time), INTERVAL '10' SECOND))
        GROUP BY bidder, window_start, window_end""",
    "q14": """SELECT auction, bidder, 0.908 * price AS price, CASE
            WHEN HOUR(date_time) >= 8 AND HOUR(date_time) <= 18 THEN 'dayTime'
            WHEN HOUR(date_time) <= 6 OR HOUR(date_time) >= 20 THEN 'nightTime' ELSE 'otherTime' END AS bid_time_type,
        date_time, extra, CHAR_LENGTH(extra) - CHAR_LENGTH(REPLACE(extra, 'c', '')) AS c_counts
        FROM bid WHERE 0.908 * price > 1000000 AND 0.908 * price < 50000000""",
    "q15": f"SELECT {DAY} AS `day`, {RANKS} FROM bid GROUP BY {DAY}",
    "q16": f"""SELECT channel, {DAY} AS `day`, MAX(DATE_FORMAT(date_time, 'HH:mm')) AS `minute`, {RANKS}
        FROM bid GROUP BY channel, {DAY}""",
    "q17": f"""SELECT auction, {DAY} AS `day`, {ranks("count(*)", "bids")}, MIN(price) AS min_price,
        MAX(price) AS max_price, AVG(price) AS avg_price, SUM(price) AS sum_price FROM bid GROUP BY auction, {DAY}""",
    "q18": """SELECT auction, bidder, price, channel, url, date_time, extra FROM (
        SELECT *, ROW_NUMBER() OVER (PARTITION BY bidder, auction ORDER BY date_time DESC) AS place FROM bid)
        WHERE place <= 1""",
    "q19": """SELECT * FROM (
        SELECT *, ROW_NUMBER() OVER (PARTITION BY auction ORDER BY price DESC) AS place FROM bid) WHERE place <= 10""",
    "q20": """SELECT B.auction, B.bidder, B.price, B.channel, B.url, B.date_time AS bid_time, B.extra AS bid_extra,
        A.item_name, A.description, A.initial_bid, A.reserve, A.date_time AS auction_time, A.expires, A.seller, A.category,
        A.extra AS auction_extra FROM bid AS B JOIN auction AS A ON B.auction = A.id WHERE A.category = 10""",
    "q21": f"""SELECT auction, bidder, price, channel, CASE
            WHEN LOWER(channel) = 'apple' THEN '0' WHEN LOWER(channel) = 'google' THEN '1'
            WHEN LOWER(channel) = 'facebook' THEN '2' WHEN LOWER(channel) = 'baidu' THEN '3'
            ELSE {CHANNEL} END AS channel_id
        FROM bid WHERE {CHANNEL} IS NOT NULL OR LOWER(channel) IN ('apple', 'google', 'facebook', 'baidu')""",
    "q22": """SELECT auction, bidder, price, channel, SPLIT_INDEX(url, '/', 3) AS dir1, SPLIT_INDEX(url, '/', 4) AS dir2,
        SPLIT_INDEX(url, '/', 5) AS dir3 FROM bid""",
    "q23": """SELECT B.auction, B.bidder, B.price, B.date_time AS bid_time, P.name, P.city, P.state, A.item_name, A.category
        FROM bid AS B JOIN person AS P ON B.bidder = P.id JOIN auction AS A ON B.auction = A.id""",
}

for query in wanted:
    # A sink with the query's columns, and no key.
    schema = tables.sql_query(QUERIES[query]).get_schema()
    types = zip(schema.get_field_names(), schema.get_field_data_types())
    columns = []
    for name, data_type in types:
        text = str(data_type).split("(")[0].lower()
        sql = {"bigint": "BIGINT", "varchar": "STRING", "int": "INT", "char": "STRING", "double": "DOUBLE"}.get(text)
        columns.append(f"`{name}` {sql or ('DECIMAL(38, 3)' if 'decimal' in text else 'TIMESTAMP(3)')}")
    tables.execute_sql(f"CREATE TABLE sink_{query} ({', '.join(columns)}) WITH ('connector'='blackhole')")
    runs = []
    for _ in range(repeats):
        before = tree_cpu()
        job = tables.execute_sql(f"INSERT INTO sink_{query} {QUERIES[query]}").get_job_client()
        net_s = job.get_job_execution_result().result().get_net_runtime() / 1000
        runs.append((net_s, tree_cpu() - before))
    wall_s, cpu_s = (min(times) for times in zip(*runs))
    print(json.dumps({"q": query, "wall_s": wall_s, "cpu_s": cpu_s}), flush=True)
