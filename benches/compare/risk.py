"""The procedure of the paper in scikit-learn, timed, for `hilum bench risk`.

    python risk.py TABLE

TABLE is a CSV whose last column is the outcome. Correlation filter, one split, elimination one by one to 27 features with five
folds, grid search over depths and numbers of trees with five folds; two jobs at once. Then one prediction. Prints JSON.
"""

import json
import sys
import time
import warnings

import numpy as np
import sklearn
from sklearn.base import clone
from sklearn.ensemble import RandomForestClassifier
from sklearn.feature_selection import RFECV
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GridSearchCV, StratifiedKFold, train_test_split
from sklearn.preprocessing import StandardScaler

warnings.filterwarnings("ignore")
data = np.loadtxt(sys.argv[1], delimiter=",", skiprows=1)
x, y = data[:, :-1], data[:, -1].astype(int)
start = time.perf_counter()
x = StandardScaler().fit_transform(x)
x = x[:, x.std(axis=0) > 0]
ranks = np.apply_along_axis(lambda c: np.unique(c, return_inverse=True)[1], 0, x)
rho = np.abs(np.corrcoef(ranks, rowvar=False))
strength = np.array([abs(roc_auc_score(y, c) - 0.5) for c in x.T])
kept = []
for f in np.argsort(-strength):
    if all(rho[f, k] <= 0.9 for k in kept):
        kept.append(f)
x = x[:, sorted(kept)]
train_x, test_x, train_y, test_y = train_test_split(x, y, test_size=0.2, stratify=y, random_state=1)
folds = StratifiedKFold(5, shuffle=True, random_state=1)
forest = RandomForestClassifier(n_estimators=100, random_state=1)
keep = min(27, x.shape[1])
selector = RFECV(forest, step=1, min_features_to_select=keep, cv=folds, scoring="roc_auc", n_jobs=2).fit(train_x, train_y)
order = np.argsort(selector.ranking_, kind="stable")[:keep]
grid = GridSearchCV(
    clone(forest),
    {"n_estimators": [100, 200, 500], "max_depth": [3, 5, 8, None]},
    cv=folds,
    scoring="roc_auc",
    n_jobs=2,
).fit(train_x[:, order], train_y)
area = roc_auc_score(test_y, grid.predict_proba(test_x[:, order])[:, 1])
seconds = time.perf_counter() - start
one = test_x[:1, order]
times = []
for _ in range(20):
    begin = time.perf_counter()
    grid.best_estimator_.predict_proba(one)
    times.append(time.perf_counter() - begin)
print(
    json.dumps(
        {
            "name": f"scikit-learn {sklearn.__version__}",
            "seconds": seconds,
            "prediction_ms": 1000 * float(np.median(times)),
            "auc": float(area),
            "filtered": int(x.shape[1]),
        }
    )
)
