"""Text to image and back, before and after alignment, on photographs of products with one description each.

    python scripts/alignment.py --data FOLDER [--folds 5] [--tuned lora:8 ...] [--most 6] [--out alignment.json]

FOLDER holds `data.csv` with the columns image, text, product and split (train, dev, test). Two questions are answered:
new photographs of products that were learned from (the given split), and products that were not (every product is held
out once; the next fold chooses). Recall@k: whether one of the first k is right. From text to image the photographs of all
products that were asked are ranked; from image to text the descriptions of all products, known ones among them. Before
alignment the two encoders share no space, so what chance gives is stated, and what the space gives where it was learned
from shuffled pairs. Intervals draw whole products. With --tuned both encoders are tuned as well, once for each
adaptation; --most bounds the photographs of a product that every method learns from and is asked about, so that this takes
half an hour of one core.
"""

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import comb
from pathlib import Path
from typing import Any

import numpy as np

import metier
from metier import catalogue
from metier.evaluation import bootstrap_interval
from metier.predictors.composite.cross_modal_search import as_queries
from metier.tasks.collection import Collection, passage_id

METHODS = ("aligned_linear.v1", "aligned.v1")
TUNED = "aligned_encoder.v1"
CUTOFFS = (1, 5, 10)
KNOWN, UNSEEN = "known products", "unseen products"


@dataclass(frozen=True)
class Photographs:
    """Photographs, the text of each, and its product."""

    files: list[str]
    texts: list[str]
    products: np.ndarray

    @property
    def queries(self) -> list[dict[str, str]]:
        """What is asked about them."""
        return [{"image": file} for file in self.files]

    @property
    def answers(self) -> list[list[str]]:
        """The id of the text that answers each."""
        return [[passage_id(text)] for text in self.texts]

    def where(self, picked: np.ndarray) -> "Photographs":
        """Give some of them."""
        places = np.flatnonzero(picked)
        files, texts = ([values[place] for place in places] for values in (self.files, self.texts))
        return Photographs(files, texts, self.products[places])


def hits(cosines: np.ndarray, is_right: np.ndarray) -> dict[int, np.ndarray]:
    """Give for each row of cosines whether one of the first k is right."""
    order = np.argsort(-cosines, axis=1, kind="stable")
    right = np.take_along_axis(is_right, order, axis=1)
    return {cutoff: right[:, :cutoff].any(axis=1) for cutoff in CUTOFFS}


def chance(is_right: np.ndarray) -> dict[int, float]:
    """Give the mean of the hits of rankings drawn at random."""
    n_all = is_right.shape[1]
    n_right = is_right.sum(axis=1)
    return {
        cutoff: float(np.mean([1 - comb(n_all - int(one), cutoff) / comb(n_all, cutoff) for one in n_right]))
        for cutoff in CUTOFFS
    }


def folds_of(
    photographs: Photographs, split: np.ndarray, n_folds: int
) -> Iterator[tuple[str, list[np.ndarray]]]:
    """Yield the name of a question, and which photographs are learned from, chosen with and asked."""
    yield KNOWN, [split == "train", split == "dev", split == "test"]
    names = np.random.default_rng(0).permutation(np.unique(photographs.products))
    fold_of = {name: place % n_folds for place, name in enumerate(names)}
    fold = np.array([fold_of[name] for name in photographs.products])
    for number in range(n_folds):
        chosen = (number + 1) % n_folds
        yield UNSEEN, [(fold != number) & (fold != chosen), fold == chosen, fold == number]


def some_of_each(photographs: Photographs, most: int) -> Photographs:
    """Give at most so many photographs of each product, drawn at random."""
    picked = np.zeros(len(photographs.files), dtype=bool)
    random = np.random.default_rng(0)
    for product in np.unique(photographs.products):
        places = np.flatnonzero(photographs.products == product)
        picked[random.permutation(places)[:most]] = True
    return photographs.where(picked)


def rankings(
    method: str,
    parts: Sequence[Photographs],
    texts: list[str],
    *,
    shuffled: bool = False,
    settings: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Fit a method, and give the cosines of the texts and photographs that are asked, and which are right."""
    known, held, asked = parts
    collection = Collection.of_passages(texts)
    answers = known.answers
    if shuffled:
        names = sorted(set(known.texts))
        others = np.random.default_rng(1).permutation(len(names))
        other_of = {name: names[place] for name, place in zip(names, others, strict=True)}
        answers = [[passage_id(other_of[text])] for text in known.texts]
    fitted = catalogue.resolve(method)(collection=collection, **settings or {})
    fitted.fit(known.queries, answers, validation=(held.queries, held.answers))
    if method == TUNED:
        facts = {name: value for name, value in fitted.facts_.items() if "rank" in name or name == "kept"}
        print(method, settings, fitted.chosen_params_["stop_epoch"], facts, file=sys.stderr, flush=True)
    seen = fitted.predictor_.space.vectors(as_queries(asked.queries))
    cosines = seen @ fitted.predictor_.vectors.T
    is_right = np.array(asked.texts)[:, None] == np.array(collection.texts)[None, :]
    return {"cosines": cosines, "is_right": is_right, "products": asked.products}


def scores(found: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Give recall at each cutoff, both ways, with what chance gives; the folds of a question together."""
    ways: dict[str, list[tuple[np.ndarray, np.ndarray, np.ndarray]]] = {
        "image to text": [],
        "text to image": [],
    }
    for one in found:
        ways["image to text"].append((one["cosines"], one["is_right"], one["products"]))
        asked = one["is_right"].any(axis=0)  # Texts whose photographs are there to be found.
        products = np.flatnonzero(asked)
        ways["text to image"].append((one["cosines"].T[asked], one["is_right"].T[asked], products))
    return {way: _score(parts) for way, parts in ways.items()}


def _score(parts: Sequence[tuple[np.ndarray, np.ndarray, np.ndarray]]) -> dict[str, Any]:
    by_cutoff = [hits(cosines, is_right) for cosines, is_right, _ in parts]
    _, groups = np.unique(np.concatenate([products.astype(str) for *_, products in parts]), return_inverse=True)
    figures: dict[str, Any] = {"queries": len(groups)}
    by_chance = [(chance(is_right), len(is_right)) for _, is_right, _ in parts]
    for cutoff in CUTOFFS:
        right = np.concatenate([one[cutoff] for one in by_cutoff]).astype(np.int64)
        interval = bootstrap_interval("accuracy", np.ones_like(right), right, groups=groups)
        figures[f"recall@{cutoff}"] = [
            round(value, 3) for value in (interval.value, interval.low, interval.high)
        ]
        total = sum(n_queries for _, n_queries in by_chance)
        figures[f"chance@{cutoff}"] = round(sum(one[cutoff] * n for one, n in by_chance) / total, 3)
    return figures


def main() -> None:
    """Read the photographs, fit every method for each question, and print and keep the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--tuned", nargs="*", default=[], metavar="ADAPTATION")
    parser.add_argument("--epochs", type=int, default=3, help="Of --tuned.")
    parser.add_argument("--most", type=int, help="Photographs of a product in each part.")
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args()
    if asked.folds < 3:
        parser.error("--folds is below 3: one is asked, the next chooses, and the others are learned from")
    rows = metier.read(
        asked.data / "data.csv", text="text", image="image", label="none", split="none", group="product"
    )
    columns = {name: np.array(rows.table.column(name).to_pylist()) for name in ("product", "split")}
    photographs = Photographs(rows.image_files, list(rows.texts), columns["product"])
    texts = list(dict.fromkeys(photographs.texts))
    found: dict[str, dict[str, list[Any]]] = {}
    for question, parts in folds_of(photographs, columns["split"], asked.folds):
        picked = [photographs.where(part) for part in parts]
        if asked.most:
            picked = [some_of_each(part, asked.most) for part in picked]
        of_question = found.setdefault(question, {})
        for method in METHODS:
            of_question.setdefault(method, []).append(rankings(method, picked, texts))
        for adaptation in asked.tuned:
            settings = {"adaptation": adaptation, "epochs": asked.epochs}
            ranked = rankings(TUNED, picked, texts, settings=settings)
            of_question.setdefault(f"{TUNED}, {adaptation}", []).append(ranked)
        if question == KNOWN:
            shuffled = rankings(METHODS[0], picked, texts, shuffled=True)
            of_question.setdefault("shuffled pairs", []).append(shuffled)
    figures = {
        question: {method: scores(parts) for method, parts in methods.items()}
        for question, methods in found.items()
    }
    print(table(figures))
    if asked.out is not None:
        asked.out.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")


def table(figures: dict[str, Any]) -> str:
    """Give the figures as a table of Markdown."""
    lines = ["| asked about | way | space | recall@1 | recall@5 | recall@10 |", "|---|---|---|---|---|---|"]
    for question, methods in figures.items():
        for way in ("text to image", "image to text"):
            plain = next(iter(methods.values()))[way]
            by_chance = " | ".join(f"{plain[f'chance@{cutoff}']:.3f}" for cutoff in CUTOFFS)
            lines.append(f"| {question} | {way}, {plain['queries']:,} queries | chance | {by_chance} |")
            for method, ways in methods.items():
                cells = " | ".join(
                    "{:.3f} [{:.3f}, {:.3f}]".format(*ways[way][f"recall@{cutoff}"]) for cutoff in CUTOFFS
                )
                lines.append(f"| | | {method} | {cells} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
