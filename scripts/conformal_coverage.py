"""How often sets of labels hold the true one, how large they are and how many are empty, on five public sets.

    python scripts/conformal_coverage.py --data FOLDER --out FILE.jsonl [--method tfidf_linear.v1]
    python scripts/conformal_coverage.py --print FILE.jsonl

The model is fitted on the training rows and calibrated on the validation rows, from which the cuts of the sets are taken,
too, as in a bundle; the test rows are looked at once. A coverage that is as promised lies in the band: 95 % of what n
validation and m test rows give by chance (the beta-binomial distribution of split conformal prediction). Labels in the band
are those, of those with rows enough for a cut of their own, whose own coverage is inside its own band.
"""

import argparse
import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import betabinom

from metier import catalogue
from metier.evaluation.conformal_rows import rows_for_coverage
from metier.evaluation.conformal_sets import BY_LABEL, KINDS, fit_label_sets

COVERAGES = (0.9, 0.95)
SATURATED = 0.999
DRAWS = 10_000
# Name, training, validation and test rows; None: a fifth of the training rows is held out.
SETS = (
    ("clinc150", "clinc150/train.csv", "clinc150/dev.csv", "clinc150/test.csv"),
    ("banking77", "banking77/train.csv", None, "banking77/test.csv"),
    ("csl_category_zh", "csl_category_zh/train.csv", "csl_category_zh/dev.csv", "csl_category_zh/test.csv"),
    ("law_zh", "law_zh/consult.train.csv", "law_zh/consult.dev.csv", "law_zh/consult.test.csv"),
    ("twitter_financial_news", "twitter_financial_news/train.csv", None, "twitter_financial_news/test.csv"),
)


def rows_of(path: Path) -> list[tuple[str, str]]:
    """Read texts and labels; rows that are out of scope by their label are left out."""
    with path.open(encoding="utf-8", newline="") as file:
        return [(row["text"], row["label"]) for row in csv.DictReader(file) if row["label"] not in ("", "oos")]


def band(n: int, m: int, coverage: float) -> tuple[float, float]:
    """Give where the coverage of m new rows lies in 95 % of all cases, by a cut that was taken from n rows."""
    rank = int(np.ceil((n + 1) * coverage - 1e-9))
    low, high = betabinom.ppf([0.025, 0.975], m, rank, n + 1 - rank)
    return float(low / m), float(high / m)


def band_by_label(truth: np.ndarray, wanted: np.ndarray, coverage: float) -> tuple[float, float]:
    """Give that band where each label has a cut of its own, by simulation; a label with too few rows is always covered."""
    drawn, random = np.zeros(DRAWS), np.random.default_rng(0)
    for label in np.unique(wanted):
        n, m = int(np.sum(truth == label)), int(np.sum(wanted == label))
        rank = int(np.ceil((n + 1) * coverage - 1e-9))
        has_cut = n >= rows_for_coverage(coverage)
        drawn += random.binomial(m, random.beta(rank, n + 1 - rank, DRAWS)) if has_cut else m
    low, high = np.quantile(drawn / len(wanted), [0.025, 0.975])
    return float(low), float(high)


def measured(data: Path, one: tuple[str, str, str | None, str], method: str) -> list[dict[str, Any]]:
    """Measure a set with every kind and coverage."""
    name, *files = one
    train, validation, test = (None if file is None else rows_of(data / file) for file in files)
    assert train is not None
    assert test is not None
    if validation is None:
        order = np.random.default_rng(0).permutation(len(train))
        fifth = len(train) // 5
        validation, train = [train[at] for at in order[:fifth]], [train[at] for at in order[fifth:]]
    known = {label for _, label in train}
    validation, test = ([row for row in part if row[1] in known] for part in (validation, test))
    model = catalogue.resolve(method)(random_state=0)
    model.fit(*zip(*train, strict=True), validation=tuple(map(list, zip(*validation, strict=True))))
    given = [model.predict_proba([text for text, _ in part]) for part in (validation, test)]
    place = {str(label): at for at, label in enumerate(model.classes_)}
    codes = [np.array([place[label] for _, label in part]) for part in (validation, test)]
    return [_of_kind(name, kind, coverage, given, codes) for coverage in COVERAGES for kind in KINDS]


def _of_kind(
    name: str, kind: str, coverage: float, given: list[np.ndarray], codes: list[np.ndarray]
) -> dict[str, Any]:
    (held, asked), (truth, wanted) = given, codes
    sets = fit_label_sets(held, truth, kind=kind, coverage=coverage).sets(asked, random_state=1)
    inside, sizes = sets[np.arange(len(wanted)), wanted], sets.sum(axis=1)
    enough = [label for label in np.unique(wanted) if np.sum(truth == label) >= rows_for_coverage(coverage)]
    in_band = []
    for label in enough:
        mine = inside[wanted == label]
        low, high = band(int(np.sum(truth == label)), len(mine), coverage)
        in_band.append(bool(low <= mine.mean() <= high))
    by_label = kind == BY_LABEL
    low, high = band_by_label(truth, wanted, coverage) if by_label else band(len(truth), len(wanted), coverage)
    saturated = float(np.mean(asked.max(axis=1) > SATURATED))
    return {
        "set": name, "kind": kind, "wanted": coverage, "labels": held.shape[1], "held_out": len(truth),
        "test": len(wanted), "accuracy": float(np.mean(asked.argmax(axis=1) == wanted)),
        "coverage": float(inside.mean()), "low": low, "high": high, "mean_size": float(sizes.mean()),
        "empty": float(np.mean(sizes == 0)), "saturated": saturated,
        "labels_with_rows_enough": len(enough), "labels_in_band": sum(in_band),
    }  # fmt: skip


def print_table(path: Path) -> None:
    """Print what was measured as a table of Markdown."""
    heads = (
        "set (labels, validation rows, test rows)",
        "kind",
        "wanted",
        "coverage",
        "band",
        "mean size",
        "empty",
    )
    print(f"| {' | '.join(heads)} | labels in band |")
    print("|---|---|---|---|---|---|---|---|")
    for one in map(json.loads, path.read_text("utf-8").splitlines()):
        where = f"{one['set']} ({one['labels']}, {one['held_out']:,}, {one['test']:,})"
        mark = (
            ""
            if one["low"] <= one["coverage"] <= one["high"]
            else " outside"
            if one["coverage"] < one["low"]
            else " above"
        )
        labels = f"{one['labels_in_band']} of {one['labels_with_rows_enough']}"
        coverage, reach = f"{one['coverage']:.3f}{mark}", f"{one['low']:.3f} to {one['high']:.3f}"
        size, empty = f"{one['mean_size']:.2f}", f"{100 * one['empty']:.1f} %"
        print(
            f"| {where} | {one['kind']} | {one['wanted']} | {coverage} | {reach} | {size} | {empty} | {labels} |"
        )


def main() -> None:
    """Measure, or print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="folder of the sets")
    parser.add_argument("--out", type=Path, help="JSON lines; sets that it has are not measured again")
    parser.add_argument("--method", default="tfidf_linear.v1", help="versioned name in the catalogue")
    parser.add_argument("--print", dest="shown", type=Path)
    given = parser.parse_args()
    if given.shown:
        print_table(given.shown)
        return
    if not (given.data and given.out):
        parser.error("--data and --out are needed to measure")
    done = given.out.read_text("utf-8").splitlines() if given.out.exists() else []
    have = {one["set"] for one in map(json.loads, done)}
    for one in SETS:
        if one[0] not in have:
            found = measured(given.data, one, given.method)
            with given.out.open("a", encoding="utf-8") as file:
                file.writelines(json.dumps(line) + "\n" for line in found)
            print(
                one[0],
                [(line["kind"], line["wanted"], round(line["coverage"], 4)) for line in found],
                flush=True,
            )


if __name__ == "__main__":
    main()
