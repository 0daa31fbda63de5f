"""Suites of expectations beside Great Expectations: the same tables, the same suites, the same results.

usage: expectations.py BINARY FOLDER SEED [DAILY_FILES]

The seed makes the rows. DAILY_FILES is the folder online_retail of the real data. A line `ok …` is a check that passed; the
first that fails ends the program.
"""

import datetime
import glob
import json
import math
import os
import pathlib
import random
import subprocess
import sys
import time

os.environ["GX_ANALYTICS_ENABLED"] = "False"
os.environ["TQDM_DISABLE"] = "1"

import great_expectations as gx
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as parquet

from checks import check

BINARY, FOLDER, SEED = sys.argv[1], pathlib.Path(sys.argv[2]), int(sys.argv[3])
DAILY_FILES = sys.argv[4] if len(sys.argv) > 4 else None
CHANCE = random.Random(SEED)


def orders(rows: int) -> pa.Table:
    """Orders with nulls, ties, twins and a few wrong values."""
    some = lambda value, share=0.1: None if CHANCE.random() < share else value
    start = datetime.datetime(2026, 1, 1)
    return pa.table({
        "id": pa.array([CHANCE.randrange(rows * 8) for _ in range(rows)], pa.int64()),
        "line": pa.array([CHANCE.randrange(3) for _ in range(rows)], pa.int64()),
        "amount": pa.array([some(CHANCE.randrange(-40, 4000) / 4) for _ in range(rows)], pa.float64()),
        "paid": pa.array([some(CHANCE.randrange(-40, 4000) / 4, 0.2) for _ in range(rows)], pa.float64()),
        "status": pa.array([some(CHANCE.choice(["new", "paid", "shipped", "done", "done", "broken into pieces"]))
                            for _ in range(rows)], pa.string()),
        "email": pa.array([some(CHANCE.choice(["user", "User", "ü"]) + str(CHANCE.randrange(rows)) + "@example.com")
                           for _ in range(rows)], pa.string()),
        "at": pa.array([start + datetime.timedelta(minutes=CHANCE.randrange(100_000)) for _ in range(rows)],
                       pa.timestamp("us", "UTC")),
        "empty": pa.array([None] * rows, pa.float64()),
    })


def column(name, **more):
    return {"column": name, **more}


STATUSES = ["new", "paid", "shipped", "done"]
# Name, arguments and, where it is not 1, mostly.
ORDERS = [
    ("table_row_count_to_be_between", {"min_value": 1, "max_value": 1_000_000}),
    ("table_row_count_to_equal", {"value": 7}),
    ("table_column_count_to_equal", {"value": 8}),
    ("table_column_count_to_be_between", {"min_value": 9}),
    ("table_columns_to_match_set", {"column_set": ["id", "line"], "exact_match": False}),
    ("table_columns_to_match_set", {"column_set": ["id", "line"]}),
    ("table_columns_to_match_ordered_list", {"column_list": ["id", "line", "amount", "paid", "status", "email", "at", "empty"]}),
    ("column_to_exist", column("amount")),
    ("column_values_to_not_be_null", column("amount")),
    ("column_values_to_not_be_null", column("amount"), 0.5),
    ("column_values_to_be_null", column("empty")),
    ("column_values_to_be_null", column("status"), 0.05),
    ("column_values_to_be_unique", column("id")),
    ("column_values_to_be_unique", column("email"), 0.3),
    ("column_values_to_be_between", column("amount", min_value=0, max_value=900)),
    ("column_values_to_be_between", column("amount", min_value=0, max_value=900), 0.8),
    ("column_values_to_be_between", column("amount", min_value=0, max_value=999.75, strict_min=True, strict_max=True)),
    ("column_values_to_be_between", column("line", min_value=1)),
    ("column_values_to_be_between", column("line", max_value=2, strict_max=True)),
    ("column_values_to_be_between", column("empty", min_value=0, max_value=1)),
    ("column_values_to_be_in_set", column("status", value_set=STATUSES)),
    ("column_values_to_be_in_set", column("status", value_set=STATUSES), 0.75),
    ("column_values_to_be_in_set", column("line", value_set=[0, 1])),
    ("column_values_to_be_in_set", column("amount", value_set=[1.25, 10, 100.5])),
    ("column_values_to_not_be_in_set", column("status", value_set=["broken into pieces"])),
    ("column_values_to_match_regex", column("email", regex="^[a-z0-9]+@[a-z]+\\.com$")),
    ("column_values_to_not_match_regex", column("email", regex="^User")),
    ("column_values_to_match_regex_list", column("email", regex_list=["^user", "^ü1"], match_on="any")),
    ("column_values_to_not_match_regex_list", column("email", regex_list=["^User1", "^ü"])),
    ("column_value_lengths_to_be_between", column("status", min_value=4, max_value=7)),
    ("column_value_lengths_to_be_between", column("email", min_value=15, strict_min=True)),
    ("column_value_lengths_to_equal", column("status", value=4)),
    ("column_min_to_be_between", column("amount", min_value=-10, max_value=-10)),
    ("column_max_to_be_between", column("amount", min_value=0, max_value=999.75, strict_max=True)),
    ("column_mean_to_be_between", column("amount", min_value=400, max_value=600)),
    ("column_median_to_be_between", column("amount", min_value=400, max_value=600)),
    ("column_sum_to_be_between", column("amount", min_value=0)),
    ("column_sum_to_be_between", column("line", max_value=5)),
    ("column_stdev_to_be_between", column("amount", min_value=200, max_value=400)),
    ("column_mean_to_be_between", column("empty", min_value=0)),
    ("column_unique_value_count_to_be_between", column("status", min_value=5, max_value=5)),
    ("column_proportion_of_unique_values_to_be_between", column("id", min_value=0.9, max_value=1)),
    ("column_distinct_values_to_be_in_set", column("status", value_set=STATUSES)),
    ("column_distinct_values_to_contain_set", column("line", value_set=[0, 1, 7])),
    ("column_distinct_values_to_equal_set", column("line", value_set=[0, 1, 2])),
    ("column_most_common_value_to_be_in_set", column("status", value_set=["done"])),
    ("column_quantile_values_to_be_between",
     column("amount", quantile_ranges={"quantiles": [0.05, 0.25, 0.5, 0.95], "value_ranges": [[None, 100], [200, 300], [450, 550], [900, None]]})),
    ("column_pair_values_a_to_be_greater_than_b", {"column_A": "amount", "column_B": "paid"}),
    ("column_pair_values_a_to_be_greater_than_b",
     {"column_A": "amount", "column_B": "paid", "or_equal": True, "ignore_row_if": "either_value_is_missing"}),
    ("column_pair_values_to_be_equal", {"column_A": "amount", "column_B": "paid", "ignore_row_if": "either_value_is_missing"}),
    ("select_column_values_to_be_unique_within_record", {"column_list": ["id", "line"]}),
    ("compound_columns_to_be_unique", {"column_list": ["id", "line"]}),
    ("compound_columns_to_be_unique", {"column_list": ["status", "line"]}),
    ("multicolumn_sum_to_equal", {"column_list": ["id", "line"], "sum_total": 100}),
    ("multicolumn_sum_to_equal", {"column_list": ["amount", "paid"], "sum_total": 100.5, "ignore_row_if": "any_value_is_missing"}),
]

RETAIL = [
    ("table_row_count_to_equal", {"value": 541_909}),
    ("column_values_to_not_be_null", column("customerid")),
    ("column_values_to_not_be_null", column("customerid"), 0.75),
    ("column_values_to_not_be_null", column("description"), 0.99),
    ("column_values_to_be_between", column("quantity", min_value=1)),
    ("column_values_to_be_between", column("unitprice", min_value=0, max_value=1000, strict_min=True), 0.9),
    ("column_values_to_match_regex", column("invoiceno", regex="^[0-9]{6}$")),
    ("column_values_to_match_regex", column("stockcode", regex="^[0-9]{5}")),
    ("column_values_to_be_in_set", column("country", value_set=["United Kingdom", "Germany", "France", "EIRE", "Spain"]), 0.95),
    ("column_value_lengths_to_be_between", column("description", min_value=4, max_value=32)),
    ("compound_columns_to_be_unique", {"column_list": ["invoiceno", "stockcode"]}),
    ("column_unique_value_count_to_be_between", column("invoiceno", min_value=25_900, max_value=25_900)),
    ("column_unique_value_count_to_be_between", column("country", min_value=38, max_value=38)),
    ("column_most_common_value_to_be_in_set", column("country", value_set=["United Kingdom"])),
    ("column_mean_to_be_between", column("quantity", min_value=9, max_value=10)),
    ("column_stdev_to_be_between", column("unitprice", min_value=90, max_value=100)),
    ("column_sum_to_be_between", column("quantity", min_value=0)),
    ("column_median_to_be_between", column("quantity", min_value=3, max_value=3)),
]


def literal(name: str, value) -> str:
    if name in ("column", "column_A", "column_B"):
        return value
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (list, tuple)):
        names = name == "column_list" and all(one.isidentifier() for one in value)
        return "(" + ", ".join(one if names else literal("", one) for one in value) + ")"
    return "'" + value.replace("'", "''") + "'" if isinstance(value, str) else repr(value)


def as_sql(name: str, given: dict, mostly=1, condition=None) -> str:
    given = dict(given)
    if "quantile_ranges" in given:
        given.update(given.pop("quantile_ranges"))
    if name == "table_columns_to_match_ordered_list":
        given["column_list"] = tuple(given["column_list"])
    arguments = ", ".join(f"{key.lower()} => {literal(key, value)}" for key, value in given.items())
    options = [f"mostly = {mostly}"] if mostly != 1 else []
    options += [f"condition = '{condition}'"] if condition else []
    return f"{name}({arguments})" + (f" WITH ({', '.join(options)})" if options else "")


def as_gx(name: str, given: dict, mostly=1, condition=None):
    kind = "Expect" + "".join(part.capitalize() for part in name.split("_"))
    more = {"mostly": mostly} if mostly != 1 else {}
    more |= {"row_condition": condition, "condition_parser": "pandas"} if condition else {}
    return getattr(gx.expectations, kind)(**given, **more)


def by_gx(frame: pd.DataFrame, suite: list) -> list:
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}
    source = context.data_sources.add_pandas("frames").add_dataframe_asset("frame")
    batch = source.add_batch_definition_whole_dataframe("all").get_batch(batch_parameters={"dataframe": frame})
    return [batch.validate(as_gx(*one)) for one in suite]


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

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(timeout=60)


def sql(query: str) -> list:
    given = [BINARY, "sql", "--project", "project", "--format", "json", query]
    done = subprocess.run(given, cwd=FOLDER, capture_output=True, text=True, timeout=120)
    if done.returncode != 0:
        sys.exit(f"FAILED {query}: {done.stderr}")
    return json.loads(done.stdout)


def plain(value):
    """A value of either side as one that can be compared."""
    if value is None or value is pd.NaT or (isinstance(value, float) and math.isnan(value)):
        return None
    if isinstance(value, dict):
        return {key: plain(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(one) for one in value]
    if hasattr(value, "item"):
        value = value.item()
    if isinstance(value, (pd.Timestamp, datetime.datetime)):
        return value.strftime("%Y-%m-%dT%H:%M:%SZ")
    return float(f"{value:.12g}") if isinstance(value, float) else value


# What Great Expectations tells as observed; of others there is nothing to compare.
OBSERVED = ("row_count", "column_count", "_min_", "_max_", "_mean_", "_median_", "_sum_to_be", "_stdev_", "unique_value_count",
            "proportion_of_unique", "most_common")


def same(of: str, one: tuple, ours: dict, theirs) -> None:
    name, result = one[0], theirs.result
    what = f"{of}: {as_sql(*one)}"
    found, wanted = {"success": ours["success"]}, {"success": bool(theirs.success)}
    if "element_count" in result:
        for key in ["element_count", "unexpected_count"]:
            found[key], wanted[key] = ours[key], plain(result[key])
        # Where all rows are missing there is no share of the others.
        found["percent"], wanted["percent"] = plain(ours["unexpected_percent"]), plain(result["unexpected_percent"])
        if "missing_count" in result:
            found["missing_count"], wanted["missing_count"] = ours["missing_count"], plain(result["missing_count"])
        found["samples"] = plain(json.loads(ours["samples"]))
        wanted["samples"] = plain(result["partial_unexpected_list"])
        if "column_pair" in name:
            # Theirs have no names.
            found["samples"] = [list(sample.values()) for sample in found["samples"]]
    elif any(part in name for part in OBSERVED):
        observed = json.loads(ours["observed_value"]) if ours["observed_value"] is not None else None
        found["observed"], wanted["observed"] = plain(observed), plain(result["observed_value"])
    elif "quantile" in name:
        found["observed"] = plain(json.loads(ours["observed_value"]))
        wanted["observed"] = plain(result["observed_value"]["values"])
    elif "distinct_values" in name:
        found["unexpected"] = ours["unexpected_count"]
        wanted["unexpected"] = result.get("unexpected_count", 0) + result.get("missing_count", 0)
        lists = result.get("partial_unexpected_list", []) + result.get("partial_missing_list", [])
        found["samples"], wanted["samples"] = sorted(json.loads(ours["samples"])), sorted(plain(lists))
    check(what, found, wanted)


def compare(of: str, suite_name: str, frame: pd.DataFrame, suite: list) -> None:
    ours = sql(f"CHECK EXPECTATIONS {suite_name}")
    check(f"{of}: there is a result for each", len(ours), len(suite))
    for one, found, wanted in zip(suite, ours, by_gx(frame, suite)):
        same(of, one, found, wanted)
    kept = sql(f"SELECT expectation, success, samples, score FROM system.expectation_results WHERE suite = '{suite_name}'")
    check(f"{of}: results are remembered", [row["samples"] for row in kept], [row["samples"] for row in ours])
    share = lambda row: 1 - row["unexpected_count"] / (row["element_count"] - row["missing_count"]) \
        if row["element_count"] is not None and row["element_count"] > row["missing_count"] else None
    scores = [(found["score"], share(found)) for found in ours if share(found) is not None]
    check(f"{of}: the score is the share of what is right", all(math.isclose(*one) for one in scores), True)


def statement(name: str, relation: str, suite: list) -> str:
    return f"CREATE EXPECTATIONS {name} ON {relation} (\n    " + ",\n    ".join(as_sql(*one) for one in suite) + "\n);\n"


def retail() -> pd.DataFrame:
    """The daily files as pandas reads them, with the columns' names in small letters."""
    files = sorted(glob.glob(f"{DAILY_FILES}/*.csv"))
    types = {"InvoiceNo": str, "StockCode": str, "Description": str, "Country": str}
    frames = [pd.read_csv(file, dtype=types, keep_default_na=False, na_values={"CustomerID": [""], "Description": [""]})
              for file in files]
    frame = pd.concat(frames, ignore_index=True)
    frame.columns = [name.lower() for name in frame.columns]
    return frame


def main() -> None:
    FOLDER.mkdir(parents=True)
    (FOLDER / "project").mkdir()
    table = orders(CHANCE.randrange(1500, 2500))
    parquet.write_table(table, FOLDER / "project/orders.parquet")
    conditional = [one if len(one) == 4 else (*one, *([1] if len(one) == 2 else []), "line > 0")
                   for one in ORDERS if one[1].get("column") in ("amount", "status") and one[0] != "column_to_exist"]
    statements = "CREATE EXTERNAL TABLE orders STORED AS PARQUET LOCATION 'orders.parquet';\n"
    statements += statement("everything", "orders", ORDERS) + statement("conditional", "orders", conditional)
    frames = {}
    if DAILY_FILES:
        frames["retail"] = retail()
        parquet.write_table(pa.Table.from_pandas(frames["retail"]), FOLDER / "project/retail.parquet")
        statements += "CREATE EXTERNAL TABLE retail STORED AS PARQUET LOCATION 'retail.parquet';\n"
        statements += statement("real", "retail", RETAIL)
    node = Node(statements)
    try:
        compare("made-up orders", "everything", table.to_pandas(), ORDERS)
        compare("some made-up orders", "conditional", table.to_pandas(), conditional)
        if DAILY_FILES:
            compare("online retail", "real", frames["retail"], RETAIL)
    finally:
        node.stop()


main()
