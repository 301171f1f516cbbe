"""How well bundles say what is out of scope: clinc150, and banking77 with a part of its labels known.

    python scripts/out_of_scope.py --data FOLDER --cache FOLDER --out FILE.jsonl [--cases frozen:clinc150,…] [--draws 1]
    python scripts/out_of_scope.py --print FILE.jsonl

A case is MODEL:SET: `frozen`, `tuned` or `tfidf`, and `clinc150`, `banking77:25`, `banking77:50` or `banking77:75` (percent
of the labels that are known). What a fitted model knows of the rows is kept in the folder of --cache, so that a second call
trains nothing. No score, no cut and no calibration sees a test row. Two protocols of clinc150: no row out of scope is
seen; the 100 of the validation rows are seen. Of banking77 rows of unknown labels are never seen. Published figures
stand beside.
"""

import argparse
import csv
import json
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from scipy import sparse

from metier import catalogue
from metier.evaluation.probability_scores import bootstrapped
from metier.evaluation.scope_measures import SCOPE_MEASURES, measure_scope, share_interval
from metier.predictors import load_predictor
from metier.predictors.evidence import Evidence
from metier.predictors.scope.lending import answer_with_evidence
from metier.predictors.scope.scope_scores import SCOPE_SCORES
from metier.selection.execution.scope_fitting import Known, cut_for, fitted_score, rule_of

METHODS = {"frozen": "frozen_linear.v1", "tuned": "encoder.v1", "tfidf": "tfidf_linear.v1"}
BASED = ("frozen", "tuned")
CASES = [
    f"{model}:{one}"
    for model in METHODS
    for one in ("clinc150", "banking77:25", "banking77:50", "banking77:75")
]
OUTSIDE = "oos"
Row = tuple[str, str]
# Of BERT-base: uncertainty-baselines (clinc_intent), and TEXTOIR with accuracy and macro-F1.
PUBLISHED_CLINC = {
    "BERT-base, deterministic": (0.965, 0.0218, 0.942, 0.853),
    "BERT-base, SNGP": (0.969, 0.0104, 0.969, 0.908),
    "10 x SNGP": (0.974, 0.0094, 0.973, 0.910),
}
PUBLISHED_BANKING = {
    "MSP": ((42.2, 49.9), (61.7, 72.5), (77.1, 84.3)),
    "ADB": ((79.3, 71.6), (79.6, 81.3), (81.4, 86.1)),
    "DA-ADB": ((81.2, 73.7), (81.5, 82.5), (81.1, 85.7)),
    "KNN-contrastive": ((86.1, 77.0), (82.8, 81.3), (77.5, 82.3)),
    "large margin + adaptive boundary": ((85.7, 78.9), (83.8, 84.9), (84.4, 88.4)),
}


def rows_of(path: Path) -> list[Row]:
    """Read texts and labels."""
    with path.open(encoding="utf-8", newline="") as file:
        return [(row["text"], row["label"]) for row in csv.DictReader(file)]


def parts_of(data: Path, name: str, draw: int) -> dict[str, list[Row]]:
    """Give training rows, and validation and test rows with those out of scope among them."""
    folder, _, share = name.partition(":")
    if folder == "clinc150":
        train, validation, test = (rows_of(data / folder / f"{part}.csv") for part in ("train", "dev", "test"))
        return {"train": [row for row in train if row[1] != OUTSIDE], "validation": validation, "test": test}
    train, test = rows_of(data / folder / "train.csv"), rows_of(data / folder / "test.csv")
    random, labels = np.random.default_rng(draw), sorted({label for _, label in train})
    known = set(random.permutation(labels)[: round(len(labels) * int(share) / 100)].tolist())
    mine = [row for row in train if row[1] in known]
    order = random.permutation(len(mine))
    held_out = len(mine) // 10
    validation, train = ([mine[at] for at in part] for part in (order[:held_out], order[held_out:]))
    return {"train": train, "validation": validation, "test": test}


def known_of(
    data: Path, cache: Path, case: str, draw: int
) -> tuple[dict[str, tuple[Evidence, list[str]]], list[str]]:
    """Give what a model knows of the rows of each part, and its labels; fitted where the cache has it not."""
    model, _, name = case.partition(":")
    parts = parts_of(data, name, draw)
    folder = cache / f"{case.replace(':', '-')}-{draw}"
    if not (folder / "labels.json").exists():
        _keep(folder, model, parts, draw)
    labels = json.loads((folder / "labels.json").read_text("utf-8"))
    found = {}
    for part, rows in parts.items():
        kept, sparse_file = np.load(folder / f"{part}.npz"), folder / f"{part}.sparse.npz"
        vectors = sparse.csr_array(sparse.load_npz(sparse_file)) if sparse_file.exists() else kept["vectors"]
        evidence = Evidence(kept["probabilities"], kept["logits"], vectors)
        found[part] = (evidence, [label for _, label in rows])
    return found, labels


def _keep(folder: Path, model: str, parts: dict[str, list[Row]], draw: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    begun = time.process_time()
    known = {label for _, label in parts["train"]}
    chosen_on = [row for row in parts["validation"] if row[1] in known]
    given: dict[str, Any] = {"random_state": draw, **({"base": "minilm"} if model in BASED else {})}
    if model == "tuned":
        given["precision"] = "fp32"
    method = catalogue.resolve(METHODS[model])(**given)
    method.fit(*_columns(parts["train"]), validation=_columns(chosen_on))
    with tempfile.TemporaryDirectory() as exported:
        method.export(Path(exported))
        predictor = load_predictor(Path(exported))
        for part, rows in parts.items():
            _, evidence = answer_with_evidence(predictor, _columns(rows)[0], None)
            place = {label: at for at, label in enumerate(predictor.labels)}
            truth = np.array([place.get(label, -1) for _, label in rows])
            arrays = {"probabilities": evidence.probabilities, "logits": evidence.logits, "truth": truth}
            if sparse.issparse(evidence.vectors):
                sparse.save_npz(folder / f"{part}.sparse.npz", evidence.vectors)
            else:
                arrays["vectors"] = evidence.vectors
            np.savez(folder / f"{part}.npz", **arrays)
        seconds = time.process_time() - begun
        print(f"{folder.name}: {seconds:.0f} s of one core", flush=True)
        (folder / "labels.json").write_text(json.dumps(list(predictor.labels)), encoding="utf-8")


def _columns(rows: Sequence[Row]) -> tuple[list[str], list[str]]:
    return [text for text, _ in rows], [label for _, label in rows]


def measured(data: Path, cache: Path, case: str, draw: int) -> dict[str, Any]:
    """Measure a case."""
    parts, labels = known_of(data, cache, case, draw)
    place = {label: position for position, label in enumerate(labels)}
    learned = _known(*parts["train"], place)
    held_out = _known(*parts["validation"], place)
    inside = _known(*parts["test"], place)
    unseen = _others(*parts["test"], place)
    seen = _others(*parts["validation"], place)
    probabilities, truth = inside.evidence.probabilities, inside.truth
    right = probabilities.argmax(axis=1) == truth
    found: dict[str, Any] = {
        "case": case, "draw": draw, "rows_inside": len(truth), "rows_outside": len(unseen),
        "accuracy": asdict(share_interval(int(right.sum()), len(right))),
        "calibration_error": asdict(bootstrapped("calibration_error", probabilities, truth)),
        "scores": {}, "rules": {},
    }  # fmt: skip
    for kind, score in SCOPE_SCORES.items():
        if not score.suits(learned.evidence):
            continue
        arrays = fitted_score(kind, learned, held_out)
        ins, outs, held = (score.scores(one, arrays) for one in (inside.evidence, unseen, held_out.evidence))
        figures = {name: asdict(measure_scope(name, ins, outs)) for name in SCOPE_MEASURES}
        found["scores"][kind] = figures | _open_figures(ins, outs, cut_for(held, 0.95), inside, unseen)
    protocols = {"unseen": None, **({"seen": seen} if len(seen) else {})}
    for protocol, given in protocols.items():
        rule = rule_of(learned, held_out, given)
        found["rules"][protocol] = {"kind": rule.kind, "auroc_in_choosing": rule.facts["auroc"]}
    return found


def _known(evidence: Evidence, given: Sequence[str], place: dict[str, int]) -> Known:
    picked = np.array([row for row, label in enumerate(given) if label in place], dtype=np.int64)
    return Known(evidence.rows(picked), np.array([place[given[row]] for row in picked], dtype=np.int64))


def _others(evidence: Evidence, given: Sequence[str], place: dict[str, int]) -> Evidence:
    return evidence.rows(
        np.array([row for row, label in enumerate(given) if label not in place], dtype=np.int64)
    )


def _open_figures(
    ins: np.ndarray, outs: np.ndarray, cut: float, inside: Known, unseen: Evidence
) -> dict[str, Any]:
    """Give the figures of open classification by a cut: rows of no label are one further label."""
    none = inside.evidence.probabilities.shape[1]
    best = [one.probabilities.argmax(axis=1) for one in (inside.evidence, unseen)]
    predicted = np.concatenate(
        [np.where(scores > cut, none, own) for scores, own in zip((ins, outs), best, strict=True)]
    )
    truth = np.concatenate([inside.truth, np.full(len(outs), none)])
    hits = np.bincount(truth[predicted == truth], minlength=none + 1)
    sizes = np.bincount(truth, minlength=none + 1) + np.bincount(predicted, minlength=none + 1)
    f1 = 2 * hits / np.maximum(sizes, 1)
    return {
        "kept": asdict(share_interval(int((ins <= cut).sum()), len(ins))),
        "found": asdict(share_interval(int((outs > cut).sum()), len(outs))),
        "open_accuracy": float(np.mean(predicted == truth)), "open_f1": float(f1.mean()),
    }  # fmt: skip


def print_tables(path: Path) -> None:
    """Print what was measured as tables of Markdown, with what is published."""
    lines = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    clinc = [one for one in lines if one["case"].endswith("clinc150")]
    if clinc:
        print(
            "| clinc150 | accuracy | ECE, 15 bins | score | AUROC | AUPR | FPR@95 | recall@95 | kept by the cut | found |"
        )
        print("|---|---|---|---|---|---|---|---|---|---|")
    for one in clinc:
        chosen = {rule["kind"]: name for name, rule in reversed(one["rules"].items())}
        for kind, figures in one["scores"].items():
            marks = [name for name, rule in one["rules"].items() if rule["kind"] == kind]
            shown = f"{kind.replace('_', ' ')}{' **chosen, ' + ' and '.join(marks) + '**' if kind in chosen else ''}"
            names = ("auroc", "aupr", "fpr_at_95", "recall_at_95", "kept", "found")
            cells = " | ".join(_interval(figures[name]) for name in names)
            model, ece = one["case"].partition(":")[0], one["calibration_error"]
            print(f"| {model} | {_interval(one['accuracy'])} | {_interval(ece)} | {shown} | {cells} |")
    for name, (accuracy, ece, auroc, aupr) in PUBLISHED_CLINC.items() if clinc else ():
        print(f"| {name} (published) | {accuracy:.3f} | {ece:.4f} | | {auroc:.3f} | {aupr:.3f} | | | | |")
    banking = [one for one in lines if "banking77" in one["case"]]
    if banking:
        print("\n| banking77, accuracy (macro-F1), % | 25 % of labels | 50 % | 75 % |\n|---|---|---|---|")
    for model, kind in _rows_of_banking(banking):
        cells = [_mean_open(banking, f"{model}:banking77:{share}", kind) for share in (25, 50, 75)]
        print(f"| {model}, {kind.replace('_', ' ')} | {' | '.join(cells)} |")
    for name, figures in PUBLISHED_BANKING.items() if banking else ():
        cells = " | ".join(f"{accuracy} ({f1})" for accuracy, f1 in figures)
        print(f"| {name} (published, BERT-base) | {cells} |")


def _rows_of_banking(found: Sequence[dict[str, Any]]) -> list[tuple[str, str]]:
    models = dict.fromkeys(one["case"].partition(":")[0] for one in found)
    return [(model, kind) for model in models for kind in ("chosen", *SCOPE_SCORES)]


def _mean_open(found: Sequence[dict[str, Any]], case: str, kind: str) -> str:
    mine = [one for one in found if one["case"] == case]
    kinds = [one["rules"]["unseen"]["kind"] if kind == "chosen" else kind for one in mine]
    figures = [one["scores"][own] for one, own in zip(mine, kinds, strict=True) if own in one["scores"]]
    if not figures:
        return ""
    accuracy, f1 = (
        100 * float(np.mean([one[name] for one in figures])) for name in ("open_accuracy", "open_f1")
    )
    named = f", {'/'.join(dict.fromkeys(kinds))}".replace("_", " ") if kind == "chosen" else ""
    return f"{accuracy:.1f} ({f1:.1f}){named}"


def _interval(figure: dict[str, float]) -> str:
    return f"{figure['value']:.3f} [{figure['low']:.3f}, {figure['high']:.3f}]"


def main() -> None:
    """Measure, or print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="folder of the sets")
    parser.add_argument("--cache", type=Path, help="folder for what fitted models know of the rows")
    parser.add_argument("--out", type=Path, help="JSON lines; cases that it has are not measured again")
    parser.add_argument("--cases", default=",".join(CASES))
    parser.add_argument("--draws", type=int, default=1, help="of the known labels, and seeds of the models")
    parser.add_argument("--print", dest="shown", type=Path)
    given = parser.parse_args()
    if given.shown:
        print_tables(given.shown)
        return
    if not (given.data and given.cache and given.out):
        parser.error("--data, --cache and --out are needed to measure")
    done = given.out.read_text("utf-8").splitlines() if given.out.exists() else []
    have = {(one["case"], one["draw"]) for one in map(json.loads, done)}
    for draw in range(given.draws):
        for case in given.cases.split(","):
            if (case, draw) in have:
                continue
            found = measured(given.data, given.cache, case, draw)
            with given.out.open("a", encoding="utf-8") as file:
                file.write(json.dumps(found) + "\n")
            best = max(found["scores"], key=lambda kind: found["scores"][kind]["auroc"]["value"])
            print(
                case,
                draw,
                found["accuracy"]["value"],
                best,
                found["scores"][best]["auroc"]["value"],
                flush=True,
            )


if __name__ == "__main__":
    main()
