"""What `crates/learn` computes beside scikit-learn, scipy, shap and LightGBM: the same rows, the same figures.

usage: learn.py COMPARE FOLDER SEED [DATA]

COMPARE is the built example `compare` of headwater-learn, FOLDER a place for files, DATA the folder of real data. The
seed makes the rows. A line `ok …` is a check that passed; the first that fails ends the program.
"""

import csv
import json
import pathlib
import subprocess
import sys
import warnings

import lightgbm
import numpy as np
import scipy.stats
import shap
from sklearn import metrics
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import (ExtraTreesRegressor, GradientBoostingClassifier, GradientBoostingRegressor,
                              RandomForestClassifier, RandomForestRegressor)
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (MaxAbsScaler, MinMaxScaler, Normalizer, OneHotEncoder, PolynomialFeatures,
                                   RobustScaler, StandardScaler)
from sklearn.tree import DecisionTreeClassifier
from skl2onnx import to_onnx

from checks import check

COMPARE, FOLDER, SEED = sys.argv[1], pathlib.Path(sys.argv[2]), int(sys.argv[3])
DATA = pathlib.Path(sys.argv[4]) if len(sys.argv) > 4 else None
CHANCE = np.random.default_rng(SEED)
FOLDER.mkdir(parents=True, exist_ok=True)
warnings.simplefilter("ignore")


def written(name: str, columns: dict) -> str:
    """A CSV of columns; NaN and None are empty, shorter columns are filled up with nothing."""
    path = FOLDER / name
    rows = max(len(column) for column in columns.values())
    text = lambda value: "" if value is None or value != value else value if isinstance(value, str) else repr(value)
    with open(path, "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        lists = [list(column.tolist() if hasattr(column, "tolist") else column) for column in columns.values()]
        writer.writerows([text(one[row]) if row < len(one) else "" for one in lists] for row in range(rows))
    return str(path)


def ours(*arguments) -> dict:
    done = subprocess.run([COMPARE, *map(str, arguments)], capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"FAILED compare {arguments}: {done.stderr}")
    return json.loads(done.stdout)


def near(what: str, found, wanted, tolerance: float) -> None:
    found, wanted = np.asarray(found, float), np.asarray(wanted, float)
    check(f"{what}: shape", found.shape, wanted.shape)
    apart = float(np.max(np.abs(found - wanted) / np.maximum(1, np.abs(wanted))))
    check(f"{what}: within {tolerance:g}", apart if apart > tolerance or apart != apart else None, None)


def of_metrics() -> None:
    labels = CHANCE.integers(0, 2, 3000)
    scores = np.round(np.clip(0.3 * labels + CHANCE.uniform(0, 0.7, 3000), 0.001, 0.999), 3)
    weights = CHANCE.uniform(0.1, 3, 3000)
    found = ours("binary", written("binary.csv", {"label": labels, "score": scores, "weight": weights}))
    for name, weight in [("plain", None), ("weighted", weights)]:
        more = {"sample_weight": weight}
        false_rate, true_rate, _ = metrics.roc_curve(labels, scores, drop_intermediate=False, **more)
        said = scores >= 0.5
        wanted = {
            "auc": metrics.roc_auc_score(labels, scores, **more),
            "pr_auc": metrics.average_precision_score(labels, scores, **more),
            "logloss": metrics.log_loss(labels, scores, **more),
            "brier": metrics.brier_score_loss(labels, scores, **more),
            "accuracy": metrics.accuracy_score(labels, said, **more),
            "precision": metrics.precision_score(labels, said, **more),
            "recall": metrics.recall_score(labels, said, **more),
            "f1": metrics.f1_score(labels, said, **more),
            "recall_at_fpr": true_rate[false_rate <= 0.1].max(),
        }
        for metric, value in wanted.items():
            near(f"metric {metric}, {name}", found[name][metric], value, 1e-12)
    targets = CHANCE.normal(10, 4, 500)
    predictions = targets + CHANCE.normal(0, 1, 500)
    gains, weights = np.round(np.clip(targets, 0, None)), CHANCE.uniform(0.1, 3, 500)
    found = ours("regression", written("regression.csv", {"t": gains, "p": predictions, "weight": weights}))
    for name, weight in [("plain", None), ("weighted", weights)]:
        more = {"sample_weight": weight}
        wanted = metrics.root_mean_squared_error(gains, predictions, **more)
        near(f"metric rmse, {name}", found[name]["rmse"], wanted, 1e-12)
        near(f"metric mae, {name}", found[name]["mae"], metrics.mean_absolute_error(gains, predictions, **more), 1e-12)
        near(f"metric r2, {name}", found[name]["r2"], metrics.r2_score(gains, predictions, **more), 1e-12)
    near("metric ndcg at 10", found["ndcg"], metrics.ndcg_score([gains], [predictions], k=10), 1e-12)


def of_drift() -> None:
    sizes = [(5, 7), (50, 70), (300, 300), (1000, 800), (9000, 7000), (12_000, 9000), (20_000, 15_000),
             (60, 12_000), (400, 20_000)]
    for one, other in sizes:
        for shift in [0, 0.6 / min(one, other) ** 0.5, 2.5 / min(one, other) ** 0.5]:
            a = np.round(CHANCE.normal(0, 1, one), 2)
            b = np.round(CHANCE.normal(shift, 1, other), 2)
            found = ours("drift", written("drift.csv", {"a": a, "b": b}))
            wanted = scipy.stats.ks_2samp(a, b)
            name = f"Kolmogorov-Smirnov of {one} and {other} rows, shifted by {shift:.3f}"
            near(f"{name}: statistic", found["statistic"], wanted.statistic, 1e-12)
            near(f"{name}: p value {wanted.pvalue:.3g}", found["p"], wanted.pvalue, 1e-9)


def rows(count: int) -> tuple[dict, np.ndarray]:
    """Features of both kinds, of different scales, and a score."""
    a, b = CHANCE.normal(100, 30, count), CHANCE.exponential(0.01, count)
    c = CHANCE.choice(["red", "green", "blue"], count, p=[0.6, 0.3, 0.1])
    d = CHANCE.choice([f"k{n}" for n in range(8)], count)
    score = (a - 100) / 40 - 30 * b + (c == "blue") * 1.5 + (d == "k3") * 0.7
    return {"a": a, "b": b, "text_c": c, "text_d": d}, score


def of_regressions() -> None:
    train, score = rows(3000)
    test, _ = rows(500)
    test["text_d"] = np.where(CHANCE.uniform(size=500) < 0.1, "never seen", test["text_d"])
    table = lambda columns: np.array([list(column) for column in columns.values()], dtype=object).T
    texts = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    encoded = lambda: ColumnTransformer([("numbers", StandardScaler(), [0, 1]), ("texts", texts, [2, 3])])
    test_file = written("test.csv", test)
    noise = CHANCE.logistic(0, 1, 3000)
    binary = (score + noise > 0).astype(int)
    classes = np.select([score + noise < -1, score + noise < 1], ["low", "middle"], "high")
    for l2 in [0.01, 1, 50]:
        targets = score + noise
        found = ours("linear", written("train.csv", train | {"number": targets}), test_file, l2)
        peer = make_pipeline(encoded(), Ridge(alpha=l2)).fit(table(train), targets)
        near(f"linear regression, l2 {l2}", np.ravel(found["predictions"]), peer.predict(table(test)), 1e-8)
        for name, labels, kind in [("logistic", binary, "binary"), ("multinomial", classes, "class")]:
            found = ours("linear", written("train.csv", train | {kind: labels}), test_file, l2)
            peer = LogisticRegression(C=1 / l2, solver="newton-cholesky", tol=1e-10, max_iter=1000)
            peer = make_pipeline(encoded(), peer)
            wanted = peer.fit(table(train), labels).predict_proba(table(test))
            predictions = np.array(found["predictions"])
            # Ours of two classes gives the positive one.
            near(f"{name} regression, l2 {l2}", predictions, wanted[:, 1:] if kind == "binary" else wanted, 1e-7)


def of_trees() -> None:
    x = CHANCE.uniform(size=(4000, 6))
    x[CHANCE.uniform(size=x.shape) < 0.1] = np.nan
    known = np.nan_to_num(x)
    score = 3 * np.nan_to_num(x[:, 0], nan=1) - 2 * known[:, 1] * known[:, 2] + known[:, 3]
    number = score + CHANCE.normal(0, 0.2, 4000)
    columns = {f"f{place}": x[:, place] for place in range(6)}
    test_file = written("test.csv", {name: column[:300] for name, column in columns.items()})
    kinds = {"number": number, "class": np.select([score < 1, score < 2], ["low", "middle"], "high")}
    for kind, target in kinds.items():
        found = ours("trees", written("train.csv", columns | {kind: target}), test_file, 30, 15)
        classes = len(found["trees"]["base"])
        for output in range(classes):
            own = [tree for tree in found["trees"]["trees"] if tree["output"] == output]
            model = {"trees": [{
                "children_left": np.array(tree["left"]), "children_right": np.array(tree["right"]),
                "children_default": np.array(tree["missing"]), "features": np.array(tree["feature"]),
                "thresholds": np.array(tree["threshold"]), "values": np.array(tree["value"]).reshape(-1, 1),
                "node_sample_weight": np.array(tree["cover"]),
            } for tree in own]}
            explainer = shap.TreeExplainer(model)
            wanted = explainer.shap_values(x[:20], check_additivity=False)
            contributions = [one["contributions"][output::classes] for one in found["explained"]]
            near(f"TreeSHAP of {kind}, output {output}", contributions, wanted, 1e-9)
            base = found["trees"]["base"][output] + float(np.ravel(explainer.expected_value)[0])
            near(f"TreeSHAP of {kind}, base {output}", found["explained"][0]["base"][output], base, 1e-9)


def as_good_as_lightgbm(name: str, columns: dict, labels: np.ndarray, categories: list) -> None:
    """AUC on the later half of rows: not worse than LightGBM's by more than 0.01."""
    half = len(labels) // 2
    train = {key: column[:half] for key, column in columns.items()}
    test = {key: column[half:] for key, column in columns.items()}
    train_file = written("train.csv", train | {"binary": labels[:half]})
    found = ours("trees_scores", train_file, written("test.csv", test), 100, 15)
    codes = {key: np.unique(columns[key], return_inverse=True)[1] for key in categories}
    x = np.column_stack([codes.get(key, column) for key, column in columns.items()]).astype(float)
    settings = {"objective": "binary", "num_leaves": 15, "verbose": -1, "num_threads": 2, "deterministic": True}
    places = [list(columns).index(key) for key in categories]
    data = lightgbm.Dataset(x[:half], labels[:half], categorical_feature=places)
    wanted = metrics.roc_auc_score(labels[half:], lightgbm.train(settings, data, 100).predict(x[half:]))
    auc = metrics.roc_auc_score(labels[half:], np.ravel(found["predictions"]))
    worse = f"{auc:.4f} where LightGBM has {wanted:.4f}"
    check(f"boosted trees, {name}: AUC as LightGBM's", worse if auc < wanted - 0.01 else None, None)


def of_quality() -> None:
    columns, score = rows(20_000)
    columns["text_e"] = CHANCE.choice([f"m{n:03}" for n in range(200)], 20_000)
    strange = np.array([int(text[1:]) % 7 < 3 for text in columns["text_e"]])
    labels = (score + strange + CHANCE.logistic(0, 1, 20_000) > 0.5).astype(int)
    as_good_as_lightgbm("made rows", columns, labels, ["text_c", "text_d", "text_e"])
    if DATA is None:
        print("not run: telco_churn, for want of the folder of real data")
        return
    with open(DATA / "telco_churn/Telco-Customer-Churn.csv") as file:
        people = list(csv.DictReader(file))
    CHANCE.shuffle(people)
    numbers = ["SeniorCitizen", "tenure", "MonthlyCharges", "TotalCharges"]
    number = lambda text: float(text) if text.strip() else float("nan")
    texts = [name for name in people[0] if name not in [*numbers, "customerID", "Churn"]]
    columns = {name: np.array([number(one[name]) for one in people]) for name in numbers}
    columns |= {f"text_{name}": np.array([one[name] for one in people]) for name in texts}
    labels = np.array([int(one["Churn"] == "Yes") for one in people])
    as_good_as_lightgbm("telco_churn", columns, labels, [f"text_{name}" for name in texts])


def of_onnx() -> None:
    """What scikit-learn exports is computed as scikit-learn computes it."""
    x = CHANCE.normal(size=(600, 5)).astype(np.float32)
    binary = (x[:, 0] + x[:, 1] * x[:, 2] + CHANCE.normal(size=600) / 2 > 0).astype(int)
    classes = np.array(["a", "b", "c"])[np.digitize(x[:, 0] + x[:, 3], [-0.7, 0.7])]
    number = x[:, 0] * 2 + x[:, 1] ** 2
    forest = {"n_estimators": 20, "max_depth": 6, "random_state": SEED}
    models = [
        ("logistic regression", make_pipeline(StandardScaler(), LogisticRegression()), binary),
        ("multinomial regression", make_pipeline(MinMaxScaler(), LogisticRegression()), classes),
        ("linear regression", make_pipeline(StandardScaler(), LinearRegression()), number),
        ("ridge of normalised rows", make_pipeline(Normalizer(), Ridge()), number),
        ("robust and greatest scalers", make_pipeline(RobustScaler(), MaxAbsScaler(), Ridge()), number),
        ("imputed", make_pipeline(SimpleImputer(), StandardScaler(), Ridge()), number),
        ("decision tree", DecisionTreeClassifier(max_depth=6, random_state=SEED), classes),
        ("random forest of two", RandomForestClassifier(**forest), binary),
        ("random forest of three", RandomForestClassifier(**forest), classes),
        ("random forest of numbers", RandomForestRegressor(**forest), number),
        ("extremely random trees", ExtraTreesRegressor(**forest), number),
        ("gradient boosting of two", GradientBoostingClassifier(n_estimators=20), binary),
        ("gradient boosting of three", GradientBoostingClassifier(n_estimators=20), classes),
        ("gradient boosting of numbers", GradientBoostingRegressor(n_estimators=20), number),
    ]
    test = CHANCE.normal(size=(200, 5)).astype(np.float32)
    test_file = written("test.csv", {f"f{place}": test[:, place].astype(float) for place in range(5)})
    refused = []
    for name, model, target in models:
        model.fit(x, target)
        classifier = hasattr(model, "predict_proba")
        wanted = model.predict_proba(test) if classifier else model.predict(test).reshape(-1, 1)
        for mapped in [True, False] if classifier else [None]:
            file = FOLDER / "model.onnx"
            options = None if mapped is None else {id(model): {"zipmap": mapped}}
            file.write_bytes(to_onnx(model, x[:1], options=options).SerializeToString())
            found = ours("onnx", file, test_file)
            if "error" in found:
                refused.append((name, found["error"]))
                continue
            near(f"ONNX, {name}, ZipMap {mapped}", found["predictions"], wanted, 2e-6)
            if classifier:
                check(f"ONNX, {name}: classes", found["classes"], [str(one) for one in model.classes_])
    check("ONNX: nothing of these is refused", refused, [])
    to_bins = make_pipeline(PolynomialFeatures(), Ridge()).fit(x, number)
    (FOLDER / "model.onnx").write_bytes(to_onnx(to_bins, x[:1]).SerializeToString())
    found = ours("onnx", FOLDER / "model.onnx", test_file)
    check("ONNX: what is not known is refused by its name", found.get("error", "").startswith("ONNX operator "), True)


of_metrics()
of_drift()
of_regressions()
of_trees()
of_quality()
of_onnx()
