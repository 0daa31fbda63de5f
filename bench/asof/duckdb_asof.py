"""DuckDB's ASOF JOIN over the files of `rows.py`: for each run, what it found and the seconds that it took.

usage: duckdb_asof.py FOLDER LEFT RIGHT RUNS
"""

import sys
import time

import duckdb

folder, left, right, runs = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])
query = f"""
SELECT count(*), count(r.value), sum(r.value)
FROM '{folder}/{left}.parquet' AS l ASOF LEFT JOIN '{folder}/{right}.parquet' AS r
ON l.key = r.key AND l.at >= r.at
"""
with duckdb.connect() as peer:
    for _ in range(runs):
        began = time.perf_counter()
        [found] = peer.execute(query).fetchall()
        print(*found, time.perf_counter() - began)
