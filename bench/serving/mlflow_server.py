"""MLflow's scoring server over a model of scikit-learn of the rows of `cargo xtask bench serving`.

usage: mlflow_server.py FOLDER PORT, with mlflow, scikit-learn and pandas installed; FOLDER has training.ndjson
"""

import os
import pathlib
import shutil
import sys

import mlflow
import pandas as pd
from mlflow.models import infer_signature
from sklearn.ensemble import GradientBoostingClassifier

FOLDER, PORT = pathlib.Path(sys.argv[1]), sys.argv[2]
MODEL = FOLDER / "mlflow"

rows = pd.read_json(FOLDER / "training.ndjson", lines=True, precise_float=True)
features, label = rows[[f"x{place}" for place in range(10)]], rows["label"].astype(int)
model = GradientBoostingClassifier(n_estimators=100, max_depth=3).fit(features, label)
shutil.rmtree(MODEL, ignore_errors=True)
mlflow.sklearn.save_model(model, str(MODEL), signature=infer_signature(features, model.predict(features)),
                          serialization_format="cloudpickle")
os.environ["PATH"] = f"{pathlib.Path(sys.executable).parent}:{os.environ['PATH']}"
mlflow_bin = pathlib.Path(sys.executable).with_name("mlflow")
# One worker, as where nothing is said: with more, uvicorn leaves Nagle's algorithm on, and each answer waits 40 ms for an
# acknowledgement.
os.execv(mlflow_bin, [str(mlflow_bin), "models", "serve", "--model-uri", str(MODEL), "--env-manager", "local",
                      "--host", "127.0.0.1", "--port", PORT])
