"""How often first models of `metier new` are right, though no row had a label.

    python scripts/new_tasks.py --data FOLDER [--most 1500]

FOLDER holds `uci_sentiment_sentences` (Kotzias et al., 2015), `twitter_financial_news`, `csl_category_zh` and `law_zh`,
each with a table of text and label. A sentence is turned into a proposal; its zero-shot model answers the test rows (its
labels are put in place of the set's by name). Beside it: label names in place of descriptions, the most frequent label,
and a linear model on frozen embeddings that learned from eight labelled rows of each label. 95 % intervals by bootstrap.
"""

import argparse
import csv
from collections import Counter, defaultdict
from pathlib import Path

import numpy as np

from metier import catalogue
from metier.applications.starting.first_model import base_for
from metier.applications.starting.proposal import proposal_of
from metier.applications.starting.sentence import read_sentence
from metier.text.language import detect_language

FEW = 8
SETS = (
    ("uci_sentiment_sentences", "test.csv", "train.csv", "sort reviews as positive or negative"),
    ("twitter_financial_news", "test.csv", "train.csv", "sort stock news as bullish, bearish or neutral"),
    (
        "csl_category_zh",
        "test.csv",
        "train.csv",
        "把论文标题分为工学、医学、农学、法学、理学、教育学、管理学、经济学、文学、历史学、哲学、军事学和艺术学",
    ),
    ("law_zh", "consult.test.csv", "consult.train.csv", None),
)


def main() -> None:
    """Print a table in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--most", type=int, default=1_500, help="Test rows.")
    given = parser.parse_args()
    print("| rows, sentence | labels | most frequent | label names | `metier new` | 8 labelled rows a label |")
    print("|---|---|---|---|---|---|")
    for folder, test, train, sentence in SETS:
        rows, learned = read(given.data / folder / test)[: given.most], read(given.data / folder / train)
        labels = sorted({label for _, label in learned})
        sentence = sentence or f"把咨询分为{'、'.join(labels)}"
        print(
            f"| {folder}: {sentence} | {len(labels)} | {' | '.join(cells(sentence, rows, learned))} |",
            flush=True,
        )


def cells(sentence: str, rows: list[tuple[str, str]], learned: list[tuple[str, str]]) -> list[str]:
    """Give accuracies of the most frequent label, of bare names, of the proposal, and of few labelled rows."""
    proposal = proposal_of(read_sentence(sentence))
    texts, truth = [text for text, _ in rows], np.array([label for _, label in rows])
    base = base_for("auto", proposal, detect_language(texts))
    frequent = Counter(label for _, label in learned).most_common(1)[0][0]
    named = {one.name: [one.name] for one in proposal.labels}
    few = few_rows(learned)
    fitted = catalogue.resolve("frozen_linear.v1")(base=base).fit(
        [text for text, _ in few], [one for _, one in few]
    )
    return [
        shown(truth == frequent),
        shown(zero_shot(named, texts, base) == truth),
        shown(zero_shot(proposal.descriptions, texts, base) == truth),
        shown(np.asarray(fitted.predict(texts)) == truth),
    ]


def zero_shot(descriptions: dict[str, list[str]], texts: list[str], base: object) -> np.ndarray:
    """Answer texts by descriptions."""
    fitted = catalogue.resolve("zero_shot.v1")(descriptions=descriptions, base=base).fit(texts, None)
    return np.asarray(fitted.predict(texts))


def few_rows(rows: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Draw eight rows of each label."""
    by_label: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for place in np.random.default_rng(0).permutation(len(rows)):
        by_label[rows[place][1]].append(rows[place])
    return [row for own in by_label.values() for row in own[:FEW]]


def shown(is_right: np.ndarray) -> str:
    """Write an accuracy in per cent with its interval."""
    random = np.random.default_rng(0)
    draws = [is_right[random.integers(len(is_right), size=len(is_right))].mean() for _ in range(1_000)]
    low, high = np.quantile(draws, (0.025, 0.975))
    return f"{100 * is_right.mean():.1f} [{100 * low:.1f}, {100 * high:.1f}]"


def read(path: Path) -> list[tuple[str, str]]:
    """Read a table."""
    with path.open(encoding="utf-8", newline="") as file:
        return [(row["text"], row["label"]) for row in csv.DictReader(file)]


if __name__ == "__main__":
    main()
