"""What mitigation does to a planted gap, and how often a list of words withholds harmless texts.

    python scripts/fairness.py --data FOLDER                            # mitigation, with tfidf_linear
    python scripts/fairness.py --data FOLDER --method encoder --rows 600
    python scripts/fairness.py --data FOLDER --filter                   # false alarms of the lists

FOLDER holds `uci_sentiment_sentences/train.csv` and `test.csv` (text, label; Kotzias et al., 2015). Before each sentence
stands who says it: in the training rows "He says" in four of five positive ones and one of five negative ones, in the test
rows at random. So a model that listens to the pronoun is wrong about it on the test rows.
"""

import argparse
import csv
import json
import random
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

import metier
from metier.assurance.fairness.groups import column_parity
from metier.assurance.fairness.substitution import identity_results, simultaneous
from metier.data import read
from metier.evaluation.figure import Figure
from metier.selection.labelled_rows import labelled_rows
from metier.text.harmful import read_blocklist
from metier.text.identity_terms import read_identity_terms

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"
PREFIXES = {"male": "He says: ", "female": "She says: "}
PLANTED = 0.8  # Share of the positive training rows with "He says".
VARIANTS: Mapping[str, Mapping[str, Any]] = {
    "as it is": {},
    "--augment identity": {"data": {"augment": "identity"}},
    "--balance sex": {"data": {"balance": "sex"}},
    "both": {"data": {"augment": "identity", "balance": "sex"}},
}
ADVERSARIAL = {"objective cross_entropy+fgm": {"methods": {"encoder": {"objective": "cross_entropy+fgm"}}}}
CLEAN = {
    "banking77, en": ("banking77/test.csv", "text"),
    "csl_title_zh, zh": ("csl_title_zh/test.jsonl", "document"),
    "cmrc2018, zh": ("cmrc2018/train.json", "text"),
}


def planted(file: Path, *, share: float, most: int | None, seed: int) -> list[dict[str, str]]:
    """Give the rows of a file, each with who says it."""
    drawn = random.Random(seed)  # noqa: S311
    with file.open(encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines))
    drawn.shuffle(rows)
    found = []
    for row in rows[:most]:
        is_male = drawn.random() < (share if row["label"] == "positive" else 1 - share)
        sex = "male" if is_male else "female"
        found.append({"text": PREFIXES[sex] + row["text"], "label": row["label"], "sex": sex})
    return found


def write(path: Path, rows: Sequence[Mapping[str, str]]) -> None:
    """Write rows as CSV."""
    with path.open("w", encoding="utf-8", newline="") as file:
        table = csv.DictWriter(file, list(rows[0]))
        table.writeheader()
        table.writerows(rows)


def measured(run: Path, test: Path) -> dict[str, Any]:
    """Measure one variant on the test rows."""
    model = metier.load(run)
    given = labelled_rows(model, test)
    answered = given.answered(model)[0]
    items = model.input_kind.from_rows(given.rows)
    [kind] = [one for one in read_identity_terms() if one.name == "gender"]
    [identity] = identity_results(model, items, [kind])
    named = [one for text in items if (one := kind.substituted(str(text))) is not None]
    male, female = (_positive(model, [one.texts[group] for one in named]) for group in range(2))
    accuracy = given.scores.interval("accuracy", answered.predicted)
    right = np.array([one == two for one, two in zip(given.scores.targets, answered.predicted, strict=True)])
    parity = {one.measure: one.figure for one in column_parity(given, answered.predicted, "sex").differences}
    return {"accuracy": accuracy, "right": right, "gaps": male - female, "identity": identity, "parity": parity}


def _positive(model: Any, texts: Sequence[str]) -> np.ndarray:
    """Give the probability of the positive label for each text."""
    place = list(model.labels).index("positive")
    batches = [model.predict(texts[start : start + 256]) for start in range(0, len(texts), 256)]
    return np.concatenate([answers.probabilities[:, place] for answers in batches])


def lines_of(found: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """Give the table, with what changed against the first variant, row by row."""
    heads = (
        "variant",
        "accuracy %",
        "change",
        "gap he − she",
        "change",
        "answers that turn %",
        "answered so, difference",
    )
    yield f"| {' | '.join(heads)} |"
    yield "|---|---|---|---|---|---|---|"
    first = next(iter(found.values()))
    for name, one in found.items():
        accuracy = one["accuracy"]
        low, high = simultaneous(one["gaps"][:, None], 0.95, 0)
        gap = f"{one['gaps'].mean():+.3f} [{low[0]:+.3f}, {high[0]:+.3f}]"
        flips, selected = one["identity"].flips, one["parity"]["selection_rate"]
        cells = [
            name,
            f"{100 * accuracy.value:.1f} [{100 * accuracy.low:.1f}, {100 * accuracy.high:.1f}]",
            "" if one is first else _change(100.0 * one["right"], 100.0 * first["right"], 1),
            gap,
            "" if one is first else _change(one["gaps"], first["gaps"], 3),
            f"{100 * flips.value:.1f} [{100 * flips.low:.1f}, {100 * flips.high:.1f}]",
            f"{selected.value:.3f} [{selected.low:.3f}, {selected.high:.3f}]",
        ]
        yield f"| {' | '.join(cells)} |"


def _change(one: np.ndarray, other: np.ndarray, digits: int) -> str:
    moved = one - other
    reach = 1.96 * moved.std(ddof=1) / np.sqrt(len(moved))
    return (
        f"{moved.mean():+.{digits}f} [{moved.mean() - reach:+.{digits}f}, {moved.mean() + reach:+.{digits}f}]"
    )


def mitigation(data: Path, *, method: str, rows: int | None, seed: int) -> None:
    """Train each variant on the same rows, and print what it does."""
    source = data / "uci_sentiment_sentences"
    train = planted(source / "train.csv", share=PLANTED, most=rows, seed=seed)
    test = planted(source / "test.csv", share=0.5, most=None, seed=seed + 1)
    known = {row["text"].partition(": ")[2] for row in train}
    test = [row for row in test if row["text"].partition(": ")[2] not in known]
    variants = VARIANTS if method != "encoder" else {**VARIANTS, **ADVERSARIAL}
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        write(place / "train.csv", train)
        write(place / "test.csv", test)
        for number, (name, settings) in enumerate(variants.items()):
            metier.train(
                place / "train.csv",
                test=place / "test.csv",
                text="text",
                label="label",
                candidates=[method],
                budget=20,
                seed=seed,
                run=place / str(number),
                settings=dict(settings),
            )
            found[name] = measured(place / str(number), place / "test.csv")
            print(list(lines_of(found))[-1], flush=True)
    print(f"\n{method}, {len(train):,} training rows, {len(test):,} test rows\n")
    print("\n".join(lines_of(found)))


def filtering() -> None:
    """Print how often our lists find a word in harmless texts, and which."""
    words = read_blocklist()
    for name, (file, column) in CLEAN.items():
        texts = list(read(EXAMPLES / file, text=column).texts)
        found = [[text[slice(*place)].lower() for place in words.find(text)] for text in texts]
        hit = [one for one in found if one]
        figure = Figure.of_share(len(hit), len(texts))
        share = f"{1000 * figure.value:.1f} [{1000 * figure.low:.1f}, {1000 * figure.high:.1f}]"
        named = sorted({word for one in hit for word in one})
        print(
            f"{name}: {share} of 1,000 texts withheld ({len(texts):,} texts); {json.dumps(named, ensure_ascii=False)}"
        )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="Folder of data sets.")
    parser.add_argument("--method", default="tfidf_linear")
    parser.add_argument("--rows", type=int)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--filter", action="store_true")
    asked = parser.parse_args()
    if asked.filter:
        filtering()
    else:
        mitigation(asked.data, method=asked.method, rows=asked.rows, seed=asked.seed)
