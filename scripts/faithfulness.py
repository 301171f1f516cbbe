"""How faithful each explanation is to a model: comprehensiveness and sufficiency against a random order, and stability.

    python scripts/faithfulness.py RUN_OR_BUNDLE --data FOLDER [--rows 60] [--left-out shapley] [--out faithfulness.json]

FOLDER holds test.csv, with the columns text and label. What is printed stands in docs/explanations.md.
"""

import argparse
import json
import time
from pathlib import Path

import metier
from metier.bundles import load_model
from metier.cli.explained_rows import most_faithful
from metier.errors import CallError, MissingExtraError
from metier.explanation.faithfulness import MEASURES
from metier.explanation.over_rows import faithfulness_of
from metier.explanation.word_methods import graph_words

MOST_ROWS = 200


def main() -> None:
    """Measure one model on some rows, and print a table in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--rows", type=int, default=60, choices=range(2, MOST_ROWS + 1), metavar="2-200")
    parser.add_argument("--left-out", action="append", default=[], metavar="METHOD")
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    model = load_model(given.bundle)
    try:
        graph = graph_words(model.folder)
    except (CallError, MissingExtraError):
        graph = None
    texts = metier.read(given.data / "test.csv").texts
    begun = time.process_time()
    found = faithfulness_of(
        model.predict,
        texts,
        predictor=model.predictor,
        graph=graph,
        most=given.rows,
        left_out=given.left_out,
    )
    seconds = time.process_time() - begun
    for one in found:
        cells = [
            f"{cell.value:.3f} [{cell.low:.3f}, {cell.high:.3f}]" for cell in map(one.figures.get, MEASURES)
        ]
        stability = "" if one.stability is None else f"{one.stability.value:.2f}"
        print("|", one.method, "|", " | ".join(cells), "|", stability, "|")
    print(f"most faithful: {most_faithful(found)}; {given.rows} rows, {seconds:.0f} CPU s")
    if given.out is not None:
        facts = {one.method: {name: one.figures[name].as_dict() for name in MEASURES} for one in found}
        given.out.write_text(json.dumps(facts, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
