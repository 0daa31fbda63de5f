"""Models of scikit-learn behind our doors: `models.py make FOLDER` trains and exports them, `models.py ask FOLDER ADDRESS`
asks a node that has imported them as clients of MLflow and of SageMaker do, and in SQL.
"""

import csv
import io
import json
import pathlib
import sys
import urllib.request

import numpy as np
from skl2onnx import to_onnx
from sklearn.ensemble import GradientBoostingClassifier, RandomForestRegressor
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from checks import check

COLUMNS = ["age", "visits", "spent"]
FOLDER = pathlib.Path(sys.argv[2])


def rows(seed: int, number: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(number, len(COLUMNS))).astype(np.float32)


def trained() -> dict:
    x = rows(1, 800)
    gone, tier = x[:, 0] + x[:, 1] * x[:, 2] > 0, np.array(["low", "mid", "top"])[np.digitize(x[:, 1], [-0.7, 0.7])]
    return {
        "gone": GradientBoostingClassifier(n_estimators=30, random_state=1).fit(x, gone.astype(int)),
        "tier": make_pipeline(StandardScaler(), LogisticRegression()).fit(x, tier),
        "value": RandomForestRegressor(n_estimators=20, random_state=1).fit(x, 3 * x[:, 0] + x[:, 2] ** 2),
    }


def make() -> None:
    for name, model in trained().items():
        (FOLDER / f"{name}.onnx").write_bytes(to_onnx(model, rows(1, 1)).SerializeToString())


def post(address: str, path: str, body: str, kind: str = "application/json") -> str:
    asked = urllib.request.Request(f"http://{address}{path}", body.encode(), {"Content-Type": kind})
    with urllib.request.urlopen(asked) as answer:
        return answer.read().decode()


def near(what: str, found: list, wanted: np.ndarray) -> None:
    furthest = float(np.abs(np.array(found, dtype=float) - wanted).max())
    check(f"{what}: within 2e-6", furthest <= 2e-6 or furthest, True)


def ask(address: str) -> None:
    models, test = trained(), rows(2, 50)
    data = [[float(value) for value in row] for row in test]
    split = json.dumps({"dataframe_split": {"columns": COLUMNS, "data": data}})
    records = json.dumps({"dataframe_records": [dict(zip(COLUMNS, row)) for row in data]})
    for name in models:
        by_split = json.loads(post(address, f"/v1/models/{name}/invocations", split))
        by_records = json.loads(post(address, f"/v1/models/{name}/invocations", records))
        check(f"{name}: MLflow's two shapes say the same", by_split["predictions"] == by_records["predictions"], True)
    value = json.loads(post(address, "/v1/models/value/invocations", split))
    near("a regression", value["predictions"], models["value"].predict(test))
    tier = json.loads(post(address, "/v1/models/tier/invocations", split))
    check("classes of texts", tier["predictions"], list(models["tier"].predict(test)))
    likely = models["gone"].predict_proba(test)[:, 1]
    csv_rows = io.StringIO()
    csv.writer(csv_rows).writerows(data)
    lines = post(address, "/endpoints/gone/invocations", csv_rows.getvalue(), "text/csv").split()
    check("classes of numbers, as CSV", [int(line) for line in lines], list(models["gone"].predict(test)))
    instances = json.dumps({"instances": [{"features": row} for row in data]})
    answer = json.loads(post(address, "/endpoints/gone/invocations", instances))["predictions"]
    near("SageMaker's score", [one["score"] for one in answer], np.maximum(likely, 1 - likely))
    values = ", ".join(f"({', '.join(map(repr, row))})" for row in data)
    query = f"SELECT prediction, score FROM ML_PREDICT((SELECT * FROM (VALUES {values}) AS t ({', '.join(COLUMNS)})), gone)"
    found = json.loads(post(address, "/v1/sql", query, "text/plain"))
    near("in SQL", [row["score"] for row in found], np.maximum(likely, 1 - likely))


make() if sys.argv[1] == "make" else ask(sys.argv[3])
