"""Rows for the five expectations of `cargo xtask bench expectations`: all as expected, but for one amount in a thousand.

usage: rows.py ROWS PARQUET
"""

import sys

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

rows = int(sys.argv[1])
chance = np.random.default_rng(1)
ids = pa.array(np.arange(rows))
amounts = pa.array(chance.integers(0, 100_000, rows) / 100, mask=chance.random(rows) < 0.001)
statuses = pa.array(["new", "paid", "shipped", "done"]).take(pa.array(chance.integers(0, 4, rows)))
emails = pc.binary_join_element_wise("user", pc.cast(ids, pa.string()), "@example.com", "")
table = pa.table({
    "id": ids,
    "customer": pa.array(chance.integers(0, rows // 10 + 1, rows)),
    "seq": ids,
    "amount": amounts,
    "status": statuses,
    "email": emails,
})
pq.write_table(table, sys.argv[2])
