"""DuckDB's ASOF JOIN over the files of `rows.py`: for each run, what it found and the seconds that it took.

usage: duckdb_asof.py FOLDER VERSIONS RUNS
"""

import sys
import time

import duckdb

folder, versions, runs = sys.argv[1], sys.argv[2], int(sys.argv[3])
query = f"""
SELECT count(*), count(v.value), sum(v.value)
FROM '{folder}/labels.parquet' AS l ASOF LEFT JOIN '{folder}/{versions}.parquet' AS v
ON l.key = v.key AND l.at >= v.at
"""
with duckdb.connect() as peer:
    for _ in range(runs):
        began = time.perf_counter()
        [found] = peer.execute(query).fetchall()
        print(*found, time.perf_counter() - began)
