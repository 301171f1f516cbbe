"""Measure what texts and images give together: every fusion, each modality dropped, late fusion, and what each adds.

    python scripts/joint.py --data FOLDER --out joint.json [--sets grocery_store] [--rows 400]

FOLDER holds `healthicons/` (drawings; the title is the text) and `grocery_store/` (photographs; three words drawn at
random from the description of the product, without those of its label, name and title: `made_text`, seed 0). A quarter of
the rows of the split `train` chooses, the others train; both styles of a drawing stay together, there and in intervals.
Times are those of the processor. `joint_verdicts.py` beside it asks of images that tell nothing.
"""

import argparse
import csv
import json
import re
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

import metier
from metier.catalogue import resolve
from metier.evaluation.calibration import calibration_error, log_loss
from metier.evaluation.softmax import softmax
from metier.fusion.average import fit_average
from metier.fusion.stacked import FEWEST_OF_A_LABEL, fit_stack
from metier.predictors.composite.stacked import evidence_of
from metier.predictors.loading import load_predictor
from metier.selection.modality_gain import gain_facts
from metier.selection.scores import Scores
from metier.tasks.classification import Classification

WORDS = 3
TIMED = 30
ALONE = {
    "tfidf_linear.v1": "text",
    "frozen_linear.v1": "text",
    "encoder.v1": "text",
    "frozen_image.v1": "image",
    "image_encoder.v1": "image",
}
LATE = ("tfidf_linear.v1", "frozen_linear.v1", "frozen_image.v1")  # Members of late fusion.
JOINT = "joint.v1"
FUSIONS = (JOINT, "joint_gated.v1", "joint_bilinear.v1", "joint_attention.v1", "joint_encoder.v1")
CASES = ("text", "image")  # What is shown alone.
TUNED = ("encoder.v1", "image_encoder.v1", "joint_encoder.v1")
METHODS = sorted((*ALONE, *FUSIONS), key=lambda name: name in TUNED)  # What takes seconds first.
SHARES = (0.0, 0.25, 0.5, 1.0)  # Of modality dropout.


@dataclass(frozen=True)
class Split:
    """Items and labels of some rows, and which of them show the same thing."""

    items: list[dict[str, Any]]
    labels: list[str]
    groups: np.ndarray

    def showing(self, case: str) -> list[dict[str, Any]]:
        """The items with nothing but their text, or their image."""
        if case == "text":
            return [{**item, "image": None} for item in self.items]
        return [{**item, "text": ""} for item in self.items] if case == "image" else self.items


def read_rows(folder: Path, name: str) -> list[dict[str, str]]:
    """Give the rows of a set as image, text, label and split."""
    with (folder / name / "data.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    random = np.random.default_rng(0)
    return [
        {
            "image": str(folder / name / row["image"]),
            "text": row["title"] if name == "healthicons" else made_text(row, random),
            "label": row["label"],
            "split": row["split"],
            "group": row.get("icon", row["image"]),
        }
        for row in rows
    ]


def made_text(row: dict[str, str], random: np.random.Generator) -> str:
    """Draw some words of a description, without those that name what it is of."""
    named = {
        word[:4] for key in ("label", "product", "title") for word in re.findall(r"[a-z]+", row[key].lower())
    }
    words = [word for word in re.findall(r"[a-z]{4,}", row["text"].lower()) if word[:4] not in named]
    return " ".join(random.choice(words, size=min(WORDS, len(words)), replace=False)) if words else "product"


def split_rows(rows: Sequence[dict[str, str]], most: int, random: np.random.Generator) -> dict[str, Split]:
    """Give train, validation and test rows; labels that are too rare for all three are left out."""
    order = random.permutation(len(rows))
    parts: dict[str, list[dict[str, str]]] = {"train": [], "validation": [], "test": []}
    chooses: dict[str, bool] = {}
    for row in (rows[int(place)] for place in order):
        if row["split"] == "test":
            parts["test"].append(row)
        elif row["split"] == "train":
            is_held = chooses.setdefault(row["group"], bool(random.random() < 0.25))
            parts["validation" if is_held else "train"].append(row)
    parts = {name: some[:most] for name, some in parts.items()}
    shared = set.intersection(*({row["label"] for row in some} for some in parts.values()))
    return {name: split_of([row for row in some if row["label"] in shared]) for name, some in parts.items()}


def split_of(rows: Sequence[dict[str, str]]) -> Split:
    """Give rows as items, labels and groups."""
    names = {name: place for place, name in enumerate(dict.fromkeys(row["group"] for row in rows))}
    return Split(
        [{"text": row["text"], "image": row["image"]} for row in rows],
        [row["label"] for row in rows],
        np.array([names[row["group"]] for row in rows]),
    )


def scores_of(splits: dict[str, Split], part: str = "test") -> Scores:
    """Give how answers to a part are judged."""
    table = metier.read([{"text": one, "label": one} for one in sorted(set(splits["train"].labels)) * 2])
    return Scores(Classification.from_rows(table), splits[part].labels, groups=splits[part].groups)


@dataclass(frozen=True)
class Fitted:
    """A method that was fitted and exported: what it answers and costs."""

    facts: dict[str, Any]
    predicted: list[str]
    validation: np.ndarray
    test: np.ndarray
    shown: dict[str, np.ndarray] = field(default_factory=dict)


def fit(name: str, splits: dict[str, Split], scores: Scores, *, ships: bool = True, **settings: Any) -> Fitted:
    """Fit a method and let it answer; where it ships, what is exported answers, and is weighed and timed."""
    train, validation, test = (splits[part] for part in ("train", "validation", "test"))
    method, began = resolve(name)(**settings), time.process_time()
    method.fit(train.items, train.labels, validation=(validation.items, validation.labels))
    facts = {"name": name, **settings, "fit_cpu_seconds": round(time.process_time() - began, 1)}
    held = np.asarray(method.predict_proba(validation.items))
    if ships:
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / "candidate").mkdir()
            method.export(Path(folder) / "candidate")
            facts["size_mb"] = round(
                sum(one.stat().st_size for one in Path(folder).rglob("*") if one.is_file()) / 1e6, 1
            )
            predictor = load_predictor(Path(folder) / "candidate")
            probabilities = np.asarray(predictor.predict(test.items).probabilities)
            facts["row_cpu_ms"] = round(row_cpu_ms(predictor, test.items), 2)
    else:
        probabilities = np.asarray(method.predict_proba(test.items))
    facts |= figures(probabilities, scores)
    shown = {}
    if name.startswith("joint") or name in LATE:
        shown = {case: np.asarray(method.predict_proba(test.showing(case))) for case in CASES}
    if name.startswith("joint"):
        facts["shown"] = {case: figures(some, scores) for case, some in shown.items()}
        facts["chosen"] = {
            one: method.chosen_params_[one] for one in ("C", "image_weight") if one in method.chosen_params_
        }
    return Fitted(facts, labels_of(probabilities, scores), held, probabilities, shown)


def figures(probabilities: np.ndarray, scores: Scores) -> dict[str, Any]:
    """Give the accuracy with its interval, log-loss and calibration error."""
    return {
        "accuracy": interval(scores, labels_of(probabilities, scores)),
        "log_loss": round(log_loss(probabilities, scores.codes), 4),
        "calibration_error": round(calibration_error(probabilities, scores.codes), 4),
    }


def labels_of(probabilities: np.ndarray, scores: Scores) -> list[str]:
    """Give the most probable label of each row."""
    return [scores.task.labels[best] for best in probabilities.argmax(axis=1)]


def interval(scores: Scores, predicted: Sequence[str]) -> list[float]:
    """Give the accuracy with its 95 % interval."""
    found = scores.interval("accuracy", predicted)
    return [round(number, 4) for number in (found.value, found.low, found.high)]


def row_cpu_ms(predictor: Any, items: Sequence[Any]) -> float:
    """Give the processor time of one row by itself, the median of some; other programs do not count in it."""
    times = []
    for item in items[:TIMED]:
        began = time.process_time()
        predictor.predict([item])
        times.append(time.process_time() - began)
    return 1000 * float(np.median(times))


Pool = Callable[[list[np.ndarray]], np.ndarray]


def pools(members: Sequence[Fitted], scores: Scores) -> dict[str, Pool]:
    """Give late fusions of members, fitted on the validation rows: a stack only where each label has five of them."""
    held, labels = [one.validation for one in members], scores.task.labels
    found: dict[str, Pool] = {"average": fit_average(held, scores.codes).pool}
    if np.bincount(scores.codes, minlength=len(labels)).min() >= FEWEST_OF_A_LABEL:
        stack, _, _ = fit_stack(held, scores.codes, labels=labels)
        found["stacked"] = lambda some: softmax(
            (evidence_of(some) @ np.array(stack.weight).T + stack.bias) / stack.temperature
        )
    return found


def late(fitted: dict[str, Fitted], held: Scores, scores: Scores) -> Iterator[Fitted]:
    """Give what an average and a stack of the words, the frozen text and the frozen image answer."""
    if not set(LATE) <= set(fitted):
        return  # Some of its members were not asked for.
    members = [fitted[name] for name in LATE]
    for name, pool in pools(members, held).items():
        began = time.process_time()
        test = pool([one.test for one in members])
        shown = {case: pool([one.shown[case] for one in members]) for case in CASES}
        facts = {"name": name, **figures(test, scores)}
        facts["shown"] = {case: figures(some, scores) for case, some in shown.items()}
        for cost in ("size_mb", "row_cpu_ms"):
            facts[cost] = round(sum(one.facts[cost] for one in members), 2)
        facts["fit_cpu_seconds"] = round(time.process_time() - began, 1)
        yield Fitted(facts, labels_of(test, scores), pool([one.validation for one in members]), test, shown)


def measure(folder: Path, name: str, most: int, methods: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Measure one set, and give what is known of it after each candidate."""
    splits = split_rows(read_rows(folder, name), most, np.random.default_rng(0))
    scores, held = scores_of(splits), scores_of(splits, "validation")
    found: dict[str, Any] = {
        "rows": {part: len(split.labels) for part, split in splits.items()},
        "labels": len(scores.task.labels),
        "lines": [],
    }
    print(f"\n{name}: {found['rows']}, {found['labels']} labels", flush=True)
    fitted: dict[str, Fitted] = {}
    for method in methods:
        fitted[method] = fit(method, splits, scores)
        found["lines"].append(said_of(compared(fitted[method], fitted, scores)))
        yield found
    for one in late(fitted, held, scores):
        fitted[one.facts["name"]] = one
        found["lines"].append(said_of(compared(one, fitted, scores)))
    if {ALONE.get(one) for one in fitted} == {"text", "image", None}:
        found["gains"] = gains(fitted, held, scores)
    yield found
    for method in sorted({JOINT, "joint_gated.v1"} & set(methods)):
        for share in SHARES:
            again = fit(method, splits, scores, ships=False, modality_dropout=share)
            found["lines"].append(said_of(again.facts))
            yield found


def compared(one: Fitted, fitted: dict[str, Fitted], scores: Scores) -> dict[str, Any]:
    """Give the facts of a candidate, with its difference from concatenation where that is known."""
    if JOINT in fitted and one is not fitted[JOINT]:
        found = scores.compare("accuracy", one.predicted, fitted[JOINT].predicted)
        one.facts["less_joint"] = [round(number, 4) for number in (found.difference, found.low, found.high)]
    return one.facts


def gains(fitted: dict[str, Fitted], held: Scores, scores: Scores) -> list[dict[str, Any]]:
    """Say what each modality adds to the other: the best candidate of each sort on the validation rows, as a run does."""
    losses = {name: log_loss(one.validation, held.codes) for name, one in fitted.items()}
    sorts = {
        "text": [name for name in fitted if ALONE.get(name) == "text"],
        "image": [name for name in fitted if ALONE.get(name) == "image"],
        "joint": [name for name in fitted if name not in ALONE],
    }
    best = {reads: min(names, key=lambda one: losses[one]) for reads, names in sorts.items()}
    found = gain_facts(scores, "accuracy", {reads: fitted[name].predicted for reads, name in best.items()})
    for gain in found:
        print(
            f"  {best}: the {gain['modality']} {gain['gain']}, {100 * gain['difference']:+.1f} points "
            f"[{100 * gain['low']:.1f}, {100 * gain['high']:.1f}], p = {gain['p_value']:.3g}",
            flush=True,
        )
    return [{**gain, "best": best} for gain in found]


def said_of(facts: dict[str, Any]) -> dict[str, Any]:
    """Print one line of the table, and give it back."""
    value, low, high = (100 * number for number in facts["accuracy"])
    alone = {case: 100 * one["accuracy"][0] for case, one in facts.get("shown", {}).items()}
    share = f" dropout {facts['modality_dropout']}" if "modality_dropout" in facts else ""
    less = [100 * number for number in facts.get("less_joint", ())]
    beside = "against {}: {:+.1f} [{:.1f}, {:.1f}]".format(JOINT, *less) if less else ""
    print(
        f"  {facts['name'] + share:32} {value:5.1f} [{low:.1f}, {high:.1f}]  loss {facts['log_loss']:.3f}  "
        + "  ".join(f"{case} alone {one:.1f}" for case, one in alone.items())
        + f"  {facts.get('row_cpu_ms', '')} ms  {facts.get('size_mb', '')} MB  {facts.get('fit_cpu_seconds', '')} s  "
        + f"{beside}  {facts.get('chosen', '')}",
        flush=True,
    )
    return facts


def main() -> None:
    """Measure the sets that are named, and keep the figures."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument(
        "--data", type=Path, required=True, help="the folder with healthicons/ and grocery_store/"
    )
    parser.add_argument("--out", type=Path, help="a JSON file for the figures")
    parser.add_argument("--sets", default="healthicons,grocery_store")
    parser.add_argument("--rows", type=int, default=100_000, help="most rows of each part")
    parser.add_argument("--methods", default=",".join(METHODS))
    given = parser.parse_args()
    found = {}
    for name in given.sets.split(","):
        for known in measure(given.data, name, given.rows, given.methods.split(",")):
            found[name] = known
            if given.out:
                given.out.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
