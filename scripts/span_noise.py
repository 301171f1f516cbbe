"""How well `metier check` finds wrong spans and wrong sets of labels: some are spoilt, and looked for.

    python scripts/span_noise.py --data FOLDER [--share 0.05] [--seeds 3]

FOLDER holds data sets with a `train.conll`. Of all spans a share is spoilt: half of them lose their mark, the others get
another type where there are several (else all lose it). Printed are the spans reported on the rows as they came, and on the
spoilt rows how many of the reported are spoilt (precision), how many of the spoilt are reported (recall), and the precision
among the first as many as were spoilt. Of the sets of labels of the example sgd_dialogues/acts one row in twenty lacks a
label or has another one beside.
"""

import argparse
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

import metier
from metier.audit.label_set_errors import doubtful_labels
from metier.audit.span_errors import doubtful_spans

SETS = ("ncbi_disease", "uner_zh_gsd")
ACTS = Path(__file__).parents[1] / "examples" / "sgd_dialogues" / "acts" / "train.jsonl"
FEWEST = 12  # Rows of a label that is added or taken.


def spoil(spans: list[list[Any]], share: float, seed: int) -> tuple[list[list[Any]], set[tuple[int, int, int]]]:
    """Give the spans with a share of them spoilt, and where these stand."""
    random = np.random.default_rng(seed)
    places = [(row, number) for row, some in enumerate(spans) for number in range(len(some))]
    types = sorted({one["label"] for some in spans for one in some})
    picked = random.permutation(len(places))[: round(share * len(places))]
    changed, where = [list(some) for some in spans], set()
    for turn, place in enumerate(picked.tolist()):
        row, number = places[place]
        one = spans[row][number]
        where.add((row, one["start"], one["end"]))
        others = [name for name in types if name != one["label"]]
        changed[row][number] = {**one, "label": str(random.choice(others))} if others and turn % 2 else None
    return [[one for one in some if one is not None] for some in changed], where


def spoil_sets(given: list[list[str]], share: float, seed: int) -> tuple[list[list[str]], set[tuple[int, str]]]:
    """Give the sets with a share of the rows spoilt, and which label of which row."""
    random = np.random.default_rng(seed)
    counts = Counter(label for labels in given for label in labels)
    names = [name for name, n in counts.items() if n >= FEWEST]
    changed, where = [list(labels) for labels in given], set()
    for turn, row in enumerate(random.permutation(len(given))[: round(share * len(given))].tolist()):
        if turn % 2 and changed[row]:
            label = str(random.choice(changed[row]))
            changed[row].remove(label)
        else:
            label = str(random.choice([name for name in names if name not in changed[row]]))
            changed[row].append(label)
        where.add((row, label))
    return changed, where


def set_line(share: float, seeds: int) -> str:
    """Give the line of the table for sets of labels."""
    rows = metier.read(ACTS)
    texts, given = list(rows.texts), [list(labels or ()) for labels in rows.column("labels")]
    clean, figures = len(doubtful_labels(texts, given)), []
    for seed in range(seeds):
        spoilt, where = spoil_sets(given, share, seed)
        hits = [(one.row, one.label) in where for one in doubtful_labels(texts, spoilt)]
        figures.append(
            [len(where), len(hits), np.mean(hits), sum(hits) / len(where), sum(hits[: len(where)]) / len(where)]
        )
    n, reported, *shares = np.mean(figures, axis=0)
    return (
        f"| sgd_dialogues/acts, {len(rows):,} | {sum(map(len, given)):,} | {clean} | {n:.0f} | {reported:.0f} | "
        + " | ".join(f"{one:.3f}" for one in shares)
        + " |"
    )


def main() -> None:
    """Spoil, look, and print a table of Markdown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--share", type=float, default=0.05)
    parser.add_argument("--seeds", type=int, default=3)
    asked = parser.parse_args()
    print(
        "| rows | spans or labels | reported as they came | spoilt | reported | precision | recall | precision at k |"
    )
    print("|---|---|---|---|---|---|---|---|")
    for name in SETS:
        rows = metier.read(asked.data / name / "train.conll")
        texts, spans = list(rows.texts), [list(one or ()) for one in rows.column("spans")]
        clean, figures = len(doubtful_spans(texts, spans)), []
        for seed in range(asked.seeds):
            spoilt, where = spoil(spans, asked.share, seed)
            hits = [(one.row, one.start, one.end) in where for one in doubtful_spans(texts, spoilt)]
            first = hits[: len(where)]
            figures.append(
                [len(where), len(hits), np.mean(hits), sum(hits) / len(where), sum(first) / len(where)]
            )
        n, reported, *shares = np.mean(figures, axis=0)
        print(
            f"| {name}, {len(rows):,} | {sum(map(len, spans)):,} | {clean} | {n:.0f} | {reported:.0f} | "
            + " | ".join(f"{one:.3f}" for one in shares)
            + " |",
            flush=True,
        )
    print(set_line(asked.share, asked.seeds))


if __name__ == "__main__":
    main()
