"""Feast's feature server over the rows of `cargo xtask bench serving`.

usage: feast_server.py FOLDER PORT, with feast, pandas and pyarrow installed; FOLDER has users.ndjson, and gets a repository
"""

import os
import pathlib
import sys

import pandas as pd

FOLDER, PORT = pathlib.Path(sys.argv[1]), sys.argv[2]
REPOSITORY = FOLDER / "feast"
CONFIG = """project: bench
registry: registry.db
provider: local
offline_store:
  type: file
online_store:
  type: sqlite
  path: online.db
entity_key_serialization_version: 3
"""
FEATURES = [f"f{place}" for place in range(8)]

REPOSITORY.mkdir(exist_ok=True)
(REPOSITORY / "feature_store.yaml").write_text(CONFIG)
rows = pd.read_json(FOLDER / "users.ndjson", lines=True, precise_float=True)
rows["at"] = pd.to_datetime(rows["at"], utc=True)
rows.to_parquet(REPOSITORY / "users.parquet")
os.chdir(REPOSITORY)

from datetime import datetime, timedelta, timezone

from feast import Entity, FeatureStore, FeatureView, Field, FileSource, ValueType
from feast.types import Float64, Int64

user = Entity(name="user", join_keys=["user_id"], value_type=ValueType.INT64)
source = FileSource(path=str(REPOSITORY / "users.parquet"), timestamp_field="at")
schema = [Field(name=name, dtype=Float64) for name in FEATURES] + [Field(name="cnt", dtype=Int64)]
view = FeatureView(name="user_stats", entities=[user], ttl=timedelta(days=36500), schema=schema, source=source)
store = FeatureStore(repo_path=".")
store.apply([user, view])
store.materialize(datetime(2000, 1, 1, tzinfo=timezone.utc), datetime.now(timezone.utc))
feast = pathlib.Path(sys.executable).with_name("feast")
# A worker a core; else workers end, with their connections, after a thousand requests.
os.execv(feast, [str(feast), "serve", "--host", "127.0.0.1", "--port", PORT, "--no-access-log", "--workers", "2",
                 "--max-requests", "0", "--max-requests-jitter", "0"])
