"""Labels, and versions of what they are about, for `cargo xtask bench asof`: versions by time, and the same in no order.

usage: rows.py LABELS VERSIONS KEYS FOLDER
"""

import sys

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

labels, versions, keys = map(int, sys.argv[1:4])
folder = sys.argv[4]
chance = np.random.default_rng(1)
began_us, lasts_us = 1_750_000_000_000_000, 90 * 86_400_000_000


def write(name, columns):
    columns["at"] = pa.array(columns["at"], pa.timestamp("us", "UTC"))
    pq.write_table(pa.table(columns), f"{folder}/{name}.parquet")


# No two versions have one time: which of two would be met is not the same everywhere.
step_us = lasts_us // versions
at = began_us + np.arange(versions) * step_us + chance.integers(0, step_us, versions)
key = chance.integers(0, keys, versions)
value = chance.integers(0, 1_000, versions)
write("versions", {"key": key, "at": at, "value": value})
order = chance.permutation(versions)
write("shuffled", {"key": key[order], "at": at[order], "value": value[order]})
write("labels", {
    "key": chance.integers(0, keys, labels),
    "at": chance.integers(began_us, began_us + lasts_us, labels),
    "value": chance.integers(0, 1_000, labels),
})
