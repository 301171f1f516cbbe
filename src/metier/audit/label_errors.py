"""Rows that look mislabelled, by confident learning on out-of-fold probabilities.

A cheap model predicts each row out of fold: naive Bayes on TF-IDF of words and word pairs, or logistic regression on
the vectors of a frozen encoder. Confident learning [1]_ flags a row when another label reaches the mean probability
of that label's own rows while the given label stays below its own mean. That alone flags too many rows of a hard
task, so the given label must also be a hundred times less probable than the other. This is the cut. The order is
apart from it: the out-of-fold loss, which one study found ahead of more complex rankings [2]_, times the square root
of the probability of the best other label: flips between labels that are alike rank higher then, and random ones
hardly lower (`scripts/label_noise.py`, docs/label_errors.md).

References
----------
.. [1] Northcutt, Jiang and Chuang, "Confident learning: estimating uncertainty in dataset labels", 2021.
.. [2] Chong, Hong and Manning, "Detecting label errors by using pre-trained language models", EMNLP 2022.
"""

import itertools
import shlex
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.sparse import csr_matrix
from sklearn.feature_extraction.text import TfidfVectorizer

from metier.audit.finding import MOST_EXAMPLES, Finding, examples_of, positions_of, shorten
from metier.audit.out_of_fold import N_FOLDS, LinearProbe, OutOfFold, SparseBayes, nearest_with, out_of_fold
from metier.data.rows import Rows
from metier.figures import count_of
from metier.tasks.inputs import TEXT, input_of_rows
from metier.text import segment

MOST_ROWS = 50_000
MOST_NUMBERS = 200_000_000  # Rows times labels: a probability for each takes ten seconds or so.
ODDS = 100.0
FEWEST_ROWS = 20  # With fewer the mean probabilities of the labels are too noisy.
NEIGHBOURS = 3
MOST_RANKED = 1_000
Encode = Callable[[Sequence[str]], np.ndarray]
PROBES = {
    "words": "naive Bayes on words and word pairs",
    "vectors": "logistic regression on vectors of a frozen encoder",
}


@dataclass(frozen=True)
class LabelEvidence:
    """The labelled rows of a data set, and what a cheap model says of each out of fold.

    Parameters
    ----------
    positions : ndarray of shape (n_labelled,)
        Their positions among all rows.
    classes : ndarray of str
    features : sparse matrix or ndarray of shape (n_labelled, n_features)
    found : OutOfFold
    probe : {"words", "vectors"}
        What the features are.
    """

    positions: np.ndarray
    classes: np.ndarray
    features: Any
    found: OutOfFold
    probe: str


def labelled_rows(rows: Rows) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
    """Give positions, label names and label numbers of rows whose label may be searched; None where there are too few."""
    if rows.roles.label is None or input_of_rows(rows) is not TEXT:
        return None  # Bag-of-words features of one text do not fit pairs or relations.
    given = rows.column("label")
    counts = Counter(given)
    # A label with fewer rows could be missing from the training part of a fold.
    labelled = np.flatnonzero([label is not None and counts[label] >= N_FOLDS for label in given])
    classes, codes = np.unique([str(given[position]) for position in labelled], return_inverse=True)
    if len(classes) < 2 or len(labelled) < FEWEST_ROWS:
        return None
    return labelled, classes, codes


def gather_evidence(rows: Rows, *, random_state: int, encode: Encode | None = None) -> LabelEvidence | None:
    """Let a cheap model answer each row that it was not trained on; None where labels cannot be searched.

    Parameters
    ----------
    encode : callable, optional
        Gives vectors of texts, of shape (n_texts, n_numbers); None: counts of words.
    """
    labelled = labelled_rows(rows)
    if labelled is None or len(labelled[0]) * len(labelled[1]) > MOST_NUMBERS:
        return None
    positions, classes, codes = labelled
    texts = [rows.texts[int(position)] for position in positions]
    features = word_features(texts) if encode is None else encode(texts)
    if features is None:
        return None
    build = SparseBayes if encode is None else LinearProbe
    found = OutOfFold.of(out_of_fold(features, codes, random_state=random_state, build=build), codes)
    return LabelEvidence(positions, classes, features, found, "words" if encode is None else "vectors")


def word_features(texts: Sequence[str]) -> csr_matrix | None:
    """Give TF-IDF of words and word pairs; None where no two texts share one."""
    words = TfidfVectorizer(analyzer=_words_and_pairs, sublinear_tf=True, min_df=2, dtype=np.float32)
    try:
        return words.fit_transform(texts)
    except ValueError:
        return None


def _words_and_pairs(text: str) -> list[str]:
    words = segment(text)
    return words + [f"{first} {second}" for first, second in itertools.pairwise(words)]


def check_label_errors(
    rows: Rows, *, evidence: LabelEvidence | None = None, random_state: int = 0
) -> Iterator[Finding]:
    """Find rows that look mislabelled; the most suspicious come first.

    Parameters
    ----------
    evidence : LabelEvidence, optional
        None: gathered here, by counts of words.
    """
    evidence = evidence or gather_evidence(rows, random_state=random_state)
    if evidence is None:
        labelled = labelled_rows(rows)
        if labelled is not None and len(labelled[0]) * len(labelled[1]) > MOST_NUMBERS:
            yield _not_searched(rows, len(labelled[1]))
        return
    suspicious, better = find_suspicious(evidence.found)
    if not len(suspicious):
        return
    positions = evidence.positions[suspicious].tolist()
    more_likely = [str(evidence.classes[label]) for label in better]
    near, like = _agreeing(rows, evidence, suspicious, better)
    yield Finding(
        "label-errors",
        "warning",
        f"{count_of(len(suspicious), 'row')} {'looks' if len(suspicious) == 1 else 'look'} mislabelled",
        positions_of(positions),
        rows.origin,
        examples_of(rows, positions, likelier=more_likely, agrees=near, like=like),
        shlex.join(["metier", "check", rows.origin, "--show", "label-errors"]),
        {
            "fraction": len(suspicious) / len(evidence.positions),
            "rule": f"{PROBES[evidence.probe]}, trained on other rows: another label is at least {ODDS:.0f} times as "
            "probable as the given one, and as probable as for its own rows on average; ordered by loss times the "
            "root of the probability of the other",
            "probe": evidence.probe,
            "odds": ODDS,
            "suggested": more_likely[:MOST_RANKED],
            "ranked": (
                evidence.positions[np.argsort(-suspicion(evidence.found), kind="stable")[:MOST_RANKED]] + 1
            ).tolist(),
        },
    )


def _agreeing(
    rows: Rows, evidence: LabelEvidence, suspicious: np.ndarray, better: np.ndarray
) -> tuple[list[str], list[str]]:
    """Give for the first suspicious rows the nearest rows with the more probable label: numbers, and the text of one."""
    codes, texts = evidence.found.codes, rows.texts
    members = {int(label): np.flatnonzero(codes == label) for label in np.unique(better[:MOST_EXAMPLES])}
    numbers, like = list[str](), list[str]()
    for row, label in zip(suspicious[:MOST_EXAMPLES].tolist(), better[:MOST_EXAMPLES].tolist(), strict=True):
        near = evidence.positions[nearest_with(evidence.features, row, members[label], most=NEIGHBOURS)]
        numbers.append(", ".join(str(position + 1) for position in near))
        like.append(shorten(texts[int(near[0])]))
    return numbers, like


def _not_searched(rows: Rows, n_labels: int) -> Finding:
    sentence = (
        f"mislabelled rows were not searched for, as {n_labels:,} labels in {len(rows):,} rows take too long"
    )
    return Finding("label-errors", "note", sentence, origin=rows.origin)


def suspicion(found: OutOfFold) -> np.ndarray:
    """Give how suspicious the label of each row is: its loss times the square root of the best other probability."""
    return np.asarray(np.sqrt(found.rival) * -np.log(np.maximum(found.own, 1e-300)))


def find_suspicious(found: OutOfFold) -> tuple[np.ndarray, np.ndarray]:
    """Give the positions of rows with a suspicious label, worst first, and the more probable label of each."""
    codes, own, rival = found.codes, found.own, found.rival
    counts = np.bincount(codes, minlength=int(max(codes.max(), found.other.max())) + 1)
    typical = np.bincount(codes, weights=own, minlength=len(counts)) / np.maximum(counts, 1)
    suspicious = (rival >= typical[found.other]) & (own < typical[codes]) & (own * ODDS < rival)
    positions = np.flatnonzero(suspicious)
    ranked = positions[np.argsort(-suspicion(found)[positions], kind="stable")]
    return ranked, found.other[ranked]
