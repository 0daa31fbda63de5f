"""Experiments beside hashlib, scipy and statsmodels: the same units, the same rows, the same figures.

usage: experiments.py ANALYSE FOLDER SEED [COOKIE_CATS]

ANALYSE is the example of crates/experiment, FOLDER is made for the rows, the seed makes them. COOKIE_CATS is
ab_cookie_cats/cookie_cats.csv of the real data. A line `ok …` is a check that passed; the first that fails ends the program.
"""

import csv
import hashlib
import json
import math
import pathlib
import random
import subprocess
import sys

import numpy as np
from scipy import integrate, optimize, stats
from statsmodels.stats import multitest, power, proportion

from checks import check

ANALYSE, FOLDER, SEED = sys.argv[1], pathlib.Path(sys.argv[2]), int(sys.argv[3])
COOKIE_CATS = sys.argv[4] if len(sys.argv) > 4 else None
CHANCE = random.Random(SEED)
NUMBERS = np.random.default_rng(SEED)
ALPHA = 0.05


def ask(questions: list) -> list:
    """Answers in the order of the questions; one that is refused is an answer with an error."""
    done = subprocess.run([ANALYSE], input=json.dumps(questions), capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def near(what: str, found, wanted, within: float = 1e-9) -> None:
    """Numbers, or lists of them, are equal but for so small a share."""
    pairs = list(zip(np.ravel(np.array(found, float)), np.ravel(np.array(wanted, float)), strict=True))
    wrong = [(a, b) for a, b in pairs if not abs(a - b) <= within * max(abs(b), 1e-300) and not abs(a - b) <= 1e-15]
    check(f"{what} ({len(pairs)} numbers)", wrong[:3], [])


def hashed(salt: str, purpose: str, unit: str) -> int:
    return int.from_bytes(hashlib.sha256(f"{salt}:{purpose}:{unit}".encode()).digest()[:8], "big")


def assigned(salt: str, weights: list, millionths: int, unit: str):
    if hashed(salt, "traffic", unit) * 1_000_000 >> 64 >= millionths:
        return None
    place = hashed(salt, "variant", unit) * sum(weights) >> 64
    return next(index for index in range(len(weights)) if place < sum(weights[:index + 1]))


def assignment() -> None:
    page = (pathlib.Path(__file__).parents[2] / "docs/experiments.md").read_text()
    rows = [[cell.strip(" `") for cell in line.split("|")[1:-1]] for line in page.splitlines() if line.startswith("| `")]
    vectors = [row for row in rows if len(row) == 4]
    check("vectors of the page", len(vectors) >= 5, True)
    for salt, unit, text, variant in vectors:
        check(f"hash of {salt}:{unit}", f"{hashed(salt, 'variant', unit):016x}", text)
        check(f"variant of {salt}:{unit}", "abc"[assigned(salt, [50, 30, 20], 1_000_000, unit)], variant)
    units = [str(number) for number in range(2000)] + ["", "é", "日本", "a:b:c", "x" * 500]
    for salt in ["checkout", "zweite Seite"]:
        weights, millionths = [CHANCE.randrange(1, 100) for _ in range(4)], CHANCE.randrange(1_000_001)
        texts, variants = ask([
            {"what": "hash", "salt": salt, "purpose": "layer", "units": units},
            {"what": "assign", "salt": salt, "weights": weights, "traffic_millionths": millionths, "units": units},
        ])
        wrong = [unit for unit, text in zip(units, texts, strict=True) if text != f"{hashed(salt, 'layer', unit):016x}"]
        check(f"hashes of {salt}", wrong[:3], [])
        wrong = [unit for unit, variant in zip(units, variants, strict=True)
                 if variant != assigned(salt, weights, millionths, unit)]
        check(f"variants of {salt}", wrong[:3], [])


def distributions() -> None:
    normal = [z / 4 for z in range(0, 120)]
    degrees = [1, 2, 3.7, 9.5, 30, 99.5, 1234.5, 50_000, 999_999, 2e6, 1e9]
    student = [[t, n] for n in degrees for t in [0.01, 0.5, 1, 1.96, 3, 8, 25]]
    chi_square = [[x, n] for n in [1, 2, 3, 9, 40] for x in [0.001, 0.5, 2, 10, 60, 500]]
    found, = ask([{"what": "tails", "normal": normal, "student": student, "chi_square": chi_square}])
    near("normal tails", found["normal"], stats.norm.sf(normal), 1e-12)
    near("normal quantiles", found["normal_quantiles"], normal, 1e-12)
    near("tails of t", found["student"], [stats.t.sf(t, n) for t, n in student], 1e-10)
    near("quantiles of t", found["student_quantiles"], [stats.t.isf(0.025, n) for _, n in student], 1e-10)
    near("tails of chi-square", found["chi_square"], [stats.chi2.sf(x, n) for x, n in chi_square], 1e-12)


def donner_zou(a, n, b, m, alpha):
    """The ratio's interval less one, from statsmodels' Wilson intervals."""
    (l1, u1), (l2, u2) = (proportion.proportion_confint(x, size, alpha, method="wilson") for x, size in [(a, n), (b, m)])
    p, q = a / n, b / m
    low = (p * q - math.sqrt((p * q) ** 2 - l1 * u2 * (2 * p - l1) * (2 * q - u2))) / (u2 * (2 * q - u2))
    high = (p * q + math.sqrt((p * q) ** 2 - u1 * l2 * (2 * p - u1) * (2 * q - l2))) / (l2 * (2 * q - l2))
    return [low - 1, high - 1]


def proportions() -> None:
    cases = [(CHANCE.randrange(1, n), n, CHANCE.randrange(1, m), m)
             for n, m in [(CHANCE.randrange(5, 5000), CHANCE.randrange(5, 5000)) for _ in range(200)]]
    answers = ask([{"what": "proportions", "variant": [a, n], "control": [b, m], "alpha": ALPHA} for a, n, b, m in cases])
    each = lambda name: [answer[name] for answer in answers]
    tests = [proportion.proportions_ztest([a, b], [n, m]) for a, n, b, m in cases]
    near("proportions_ztest", [[answer["z"], answer["p_value"]] for answer in answers], tests)
    of = lambda method: [proportion.confint_proportions_2indep(a, n, b, m, method=method, alpha=ALPHA, correction=False)
                         for a, n, b, m in cases]
    near("confint_proportions_2indep, wald", each("wald"), of("wald"), 1e-8)
    near("confint_proportions_2indep, newcomb", each("newcombe"), of("newcomb"), 1e-8)
    wilson = [proportion.proportion_confint(a, n, ALPHA, method="wilson") for a, n, *_ in cases]
    near("proportion_confint, wilson", each("wilson"), wilson)
    near("Donner and Zou's ratio", each("relative"), [donner_zou(*case, ALPHA) for case in cases], 1e-6)


def ratios_and_corrections() -> None:
    cases = [([CHANCE.randrange(900, 1100) for _ in range(k)], [CHANCE.randrange(1, 9) for _ in range(k)]) for k in [2, 3, 7]]
    wanted = [stats.chisquare(units, np.array(weights) / sum(weights) * sum(units)) for units, weights in cases]
    found = ask([{"what": "sample_ratio", "units": units, "weights": weights} for units, weights in cases])
    near("chisquare", found, [[test.statistic, test.pvalue] for test in wanted])
    for name, method in [("holm", "holm"), ("benjamini_hochberg", "fdr_bh")]:
        values = [[CHANCE.random() ** 3 for _ in range(size)] for size in [1, 2, 5, 20]]
        found = ask([{"what": "adjust", "p_values": one, "correction": name} for one in values])
        near(f"multipletests, {method}", sum(found, []), np.concatenate([multitest.multipletests(one, method=method)[1]
                                                                         for one in values]))


def sizes() -> None:
    for _ in range(5):
        asked = {"what": "power", "alpha": CHANCE.choice([0.01, 0.05, 0.1]), "power": CHANCE.choice([0.8, 0.9]),
                 "ratio": CHANCE.choice([0.5, 1, 3]), "effect": 0.01 + 0.05 * CHANCE.random(), "deviation": 0.5 + CHANCE.random(),
                 "control_share": 0.1 + 0.5 * CHANCE.random(), "units": CHANCE.randrange(500, 5000)}
        found, = ask([asked])
        alpha, wanted, ratio, size = asked["alpha"], asked["power"], asked["ratio"], asked["effect"] / asked["deviation"]
        normal, student = power.NormalIndPower(), power.TTestIndPower()
        units = normal.solve_power(size, alpha=alpha, power=wanted, ratio=ratio)
        near("NormalIndPower, units", found["units_for_means"], units, 1e-4)
        near("TTestIndPower, units", found["units_for_means"],
             student.solve_power(size, alpha=alpha, power=wanted, ratio=ratio), 2e-2)
        near("NormalIndPower, power", found["power"], normal.power(size, asked["units"], alpha, ratio))
        effect = normal.solve_power(nobs1=asked["units"], alpha=alpha, power=wanted, ratio=ratio)
        near("NormalIndPower, effect", found["detectable"] / asked["deviation"], effect, 1e-4)
        # Its first proportion is the second one and the difference, and its ratio is of the second to the first.
        share, units = asked["control_share"], found["units_for_proportions"]
        reached = proportion.power_proportions_2indep(asked["effect"], share, nobs1=units * ratio, ratio=1 / ratio, alpha=alpha)
        near("power_proportions_2indep of our units", reached.power, wanted, 1e-4)
        rise = found["detectable_proportion"]
        reached = proportion.power_proportions_2indep(rise, share, nobs1=asked["units"] * ratio, ratio=1 / ratio, alpha=alpha)
        near("power_proportions_2indep of our effect", reached.power, wanted, 1e-4)


def fieller(a, variance_a, b, variance_b, shared, quantile):
    """Where the test of `a = r * b` turns, looked for to both sides of a / b; as shares of |b|."""
    turns = lambda r: (a - r * b) ** 2 - quantile ** 2 * (variance_a - 2 * r * shared + r * r * variance_b)
    def search(step):
        while turns(a / b + step) < 0:
            step *= 2
        return optimize.brentq(turns, a / b, a / b + step, xtol=1e-14, rtol=1e-14)
    ends = sorted([search(-1e-3), search(1e-3)])
    return [ends[0] - 1, ends[1] - 1] if b > 0 else [1 - ends[1], 1 - ends[0]]


def mixture_p(effect, variance, units, planned):
    """One over the mixture likelihood ratio, by numerical integration."""
    log = -2 * math.log(ALPHA)
    spread = math.sqrt(units * variance * (log + math.log(log + 1)) / planned)
    weighed = lambda theta: (stats.norm.pdf(theta, 0, spread)
                             * math.exp((effect * theta - theta * theta / 2) / variance))
    peak = effect * spread ** 2 / (spread ** 2 + variance)
    width = math.sqrt(variance * spread ** 2 / (variance + spread ** 2))
    ratio, _ = integrate.quad(weighed, peak - 12 * width, peak + 12 * width, epsabs=0, epsrel=1e-12, limit=200)
    return min(1, 1 / ratio)


def write(name: str, header: list, rows) -> str:
    with open(FOLDER / name, "w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows([[value if isinstance(value, str) else repr(float(value)) for value in row] for row in rows])
    return str(FOLDER / name)


def compare(what: str, test: dict, a, b, shared=0.0, units=0, planned=1) -> None:
    """Means with their variances and degrees, against what we say of their difference."""
    (mean_a, variance_a, degrees_a), (mean_b, variance_b, degrees_b) = a, b
    variance = variance_a + variance_b
    degrees = variance ** 2 / (variance_a ** 2 / degrees_a + variance_b ** 2 / degrees_b)
    quantile, effect, error = stats.t.isf(ALPHA / 2, degrees), mean_a - mean_b, math.sqrt(variance)
    near(f"{what}, effect and error", [test["effect"], test["standard_error"]], [effect, error], 1e-8)
    near(f"{what}, p", test["p_value"], 2 * stats.t.sf(abs(effect / error), degrees), 1e-7)
    near(f"{what}, interval", test["interval"], [effect - quantile * error, effect + quantile * error], 1e-7)
    near(f"{what}, Fieller", test["relative_interval"],
         fieller(mean_a, variance_a + shared, mean_b, variance_b + shared, shared, quantile), 1e-6)
    near(f"{what}, mixture SPRT", test["sequential"]["p_value"], mixture_p(effect, variance, units, planned), 1e-6)


def rows() -> None:
    """A mean, a ratio and CUPED of both over made-up rows of two variants."""
    count, planned = CHANCE.randrange(800, 1600), 3000
    names = ["old" if CHANCE.random() < 0.5 else "new" for _ in range(count)]
    new = np.array([name == "new" for name in names])
    before = NUMBERS.gamma(2, 20, count)
    visits = 1 + NUMBERS.poisson(before / 20)
    spent = 1000 + NUMBERS.normal(before * 0.7, 15) + 4 * new
    orders = NUMBERS.binomial(visits, 0.3 + 0.05 * new)
    file = write("rows.csv", ["variant", "spent", "orders", "visits", "before"], zip(names, spent, orders, visits, before))
    metric = lambda name, kind, value, **more: {"name": name, "kind": kind, "value": value, **more}
    report, = ask([{
        "what": "analyse", "csv": file, "variant": "variant", "variants": [["old", 1], ["new", 1]],
        "alpha": ALPHA, "correction": "holm", "one_look": False, "planned_units": planned,
        "metrics": [metric("spent", "mean", "spent", covariate="before"),
                    metric("rate", "ratio", "orders", denominator="visits", covariate="before")],
    }])
    of = {row["metric"]: row["comparison"] for row in report["rows"] if row["variant"] == "new"}
    spent_row, rate_row = of["spent"], of["rate"]
    test = stats.ttest_ind(spent[new], spent[~new], equal_var=False)
    plain, bounds = spent_row["plain"], test.confidence_interval(1 - ALPHA)
    near("ttest_ind", [plain["p_value"], *plain["interval"]], [test.pvalue, bounds.low, bounds.high], 1e-8)
    sides = [new, ~new]
    mean = lambda values: [(values[s].mean(), values[s].var(ddof=1) / s.sum(), s.sum() - 1) for s in sides]
    compare("mean", plain, *mean(spent), units=count, planned=planned)
    ratio = [orders[s].sum() / visits[s].sum() for s in sides]
    linear = [(orders[s] - r * visits[s]) / visits[s].mean() for s, r in zip(sides, ratio)]
    delta = [(r, values.var(ddof=1) / len(values), len(values) - 1) for r, values in zip(ratio, linear)]
    compare("ratio", rate_row["plain"], *delta, units=count, planned=planned)
    for what, row, values, means in [("CUPED mean", spent_row, [spent[s] for s in sides], [spent[s].mean() for s in sides]),
                                     ("CUPED ratio", rate_row, linear, ratio)]:
        centred = [before[s] - before[s].mean() for s in sides]
        spread = sum((c ** 2).sum() for c in centred)
        theta, slope = sum((v * c).sum() for v, c in zip(values, centred)) / spread, (count - 2) / (count - 3)
        left = [slope * (v - theta * before[s]).var(ddof=1) / len(v) for v, s in zip(values, sides)]
        adjusted = [(m - theta * (before[s].mean() - before.mean()), variance, s.sum() - 1)
                    for m, variance, s in zip(means, left, sides)]
        shared = theta ** 2 * spread / (count - 2) / count
        near(f"{what}, theta", row["cuped"]["theta"], theta, 1e-8)
        compare(what, row["cuped"]["test"], *adjusted, shared=shared, units=count, planned=planned)
        plain_variance = row["plain"]["standard_error"] ** 2
        near(f"{what}, reduction", row["cuped"]["variance_reduction"],
             1 - (adjusted[0][1] + adjusted[1][1]) / plain_variance, 1e-7)


def cookie_cats(file: str) -> None:
    """The facts of the folder of real data, and Welch's test of the rounds played."""
    metrics = [{"name": name, "kind": kind, "value": name, "guardrail": 0.1 if name == "retention_7" else None}
               for name, kind in [("retention_1", "proportion"), ("retention_7", "proportion"), ("sum_gamerounds", "mean")]]
    report, = ask([{"what": "analyse", "csv": file, "variant": "version", "variants": [["gate_40", 1], ["gate_30", 1]],
                    "alpha": ALPHA, "correction": "holm", "one_look": True, "planned_units": 90_000, "metrics": metrics}])
    found = {(row["metric"], row["variant"]): row for row in report["rows"]}
    check("cookie cats, units", [found["retention_1", name]["units"] for name in ["gate_30", "gate_40"]], [44_700, 45_489])
    with open(file, newline="") as opened:
        table = list(csv.DictReader(opened))
    groups = {name: [row for row in table if row["version"] == name] for name in ["gate_30", "gate_40"]}
    for name, counts, z, p in [("retention_1", [20_034, 20_119], "1.784", "0.0744"),
                               ("retention_7", [8_502, 8_279], "3.164", "0.00155")]:
        check(f"cookie cats, {name}", [sum(row[name] == "TRUE" for row in rows) for rows in groups.values()], counts)
        answer, = ask([{"what": "proportions", "variant": [counts[0], 44_700], "control": [counts[1], 45_489], "alpha": ALPHA}])
        check(f"cookie cats, z and p of {name}", [f"{answer['z']:.3f}", f"{answer['p_value']:.{len(p) - 2}f}"], [z, p])
        near(f"cookie cats, p of {name} by its rows", found[name, "gate_30"]["comparison"]["plain"]["p_value"], answer["p_value"])
    rounds = [np.array([float(row["sum_gamerounds"]) for row in rows]) for rows in groups.values()]
    plain = found["sum_gamerounds", "gate_30"]["comparison"]["plain"]
    near("cookie cats, ttest_ind of rounds", plain["p_value"], stats.ttest_ind(*rounds, equal_var=False).pvalue)
    check("cookie cats, verdicts", [found[name, "gate_30"]["verdict"] for name in ["retention_1", "retention_7"]],
          ["no difference shown", "guardrail held"])


def refusals() -> None:
    answers = ask([{"what": "assign", "salt": "a:b", "weights": [1, 1], "traffic_millionths": 0, "units": []},
                   {"what": "adjust", "p_values": [], "correction": "other"}])
    check("what means nothing is refused", [list(answer) for answer in answers], [["error"], ["error"]])


def main() -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    assignment()
    distributions()
    proportions()
    ratios_and_corrections()
    sizes()
    rows()
    refusals()
    if COOKIE_CATS:
        cookie_cats(COOKIE_CATS)
    else:
        print("not run for want of data: cookie cats (give ab_cookie_cats/cookie_cats.csv)")


main()
