"""LightGBM on the rows that `cargo run --release -p headwater-learn --example train_speed` makes.

usage: lightgbm_speed.py [ROWS [FEATURES [TREES [THREADS]]]], with lightgbm, numpy and scikit-learn installed
"""

import sys
import time

import lightgbm
import numpy as np
from sklearn.metrics import roc_auc_score

ROWS, FEATURES, TREES, THREADS = ([int(one) for one in sys.argv[1:]] + [200_000, 20, 100, 2][len(sys.argv) - 1:])[:4]
RUNS = 3


def unit(seed: int, count: int) -> np.ndarray:
    """SplitMix64, as headwater_base::random."""
    state = np.uint64(seed) + np.arange(1, count + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    mixed = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    mixed = mixed ^ (mixed >> np.uint64(31))
    return (mixed >> np.uint64(11)).astype(np.float64) / float(1 << 53)


def made(rows: int, seed: int):
    x = unit(seed, rows * FEATURES).reshape(rows, FEATURES)
    step = np.where(x[:, 6] > 0.7, 1.0, -0.4)
    crossed = 4 * (x[:, 1] - 0.5) * (x[:, 2] - 0.5) + 2 * (x[:, 4] * x[:, 5] - 0.25) + (x[:, 7] - 0.5) * x[:, 8]
    score = 3 * (x[:, 0] - 0.5) + np.sin(6 * x[:, 3]) + step + crossed
    return x, unit(seed ^ 0x55, rows) < 1 / (1 + np.exp(-score))


x, y = made(ROWS, 7)
test_x, test_y = made(50_000, 8)
settings = {"objective": "binary", "num_leaves": 31, "learning_rate": 0.1, "min_data_in_leaf": 20, "max_bin": 255,
            "num_threads": THREADS, "verbose": -1}
times = []
for _ in range(RUNS):
    begin = time.perf_counter()
    booster = lightgbm.train(settings, lightgbm.Dataset(x, y), num_boost_round=TREES)
    times.append(time.perf_counter() - begin)
what = f"{ROWS} rows, {FEATURES} features, {TREES} trees, {THREADS} threads, best of {RUNS}"
print(f"lightgbm {lightgbm.__version__}: {what}")
print(f"figure lightgbm_train {min(times):.3f} s")
print(f"figure lightgbm_train_auc {roc_auc_score(test_y, booster.predict(test_x)):.6f} of 1")
