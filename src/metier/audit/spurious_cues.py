"""Spurious cues: a sign, a number, a stop word or a piece of markup that alone predicts a label, although it says
nothing.

Words with a meaning may well predict a label; these are what a meaning does not need. Each is tested against each
label by the tail of the binomial distribution, with Bonferroni's correction for all of them; and a model that was
trained on other rows says what it would answer without it.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csc_matrix, csr_matrix
from scipy.special import bdtrc
from sklearn.feature_extraction.text import TfidfVectorizer

from metier.audit.finding import Finding, examples_of, positions_of
from metier.audit.label_errors import MOST_NUMBERS, MOST_ROWS, labelled_rows
from metier.audit.out_of_fold import N_FOLDS, SparseBayes, folds_of
from metier.data.rows import Rows
from metier.figures import count_of
from metier.text import segment
from metier.text.cleaning.stop_words import CHINESE, ENGLISH

FEWEST_ROWS = 15
LEAST_SHARE = 0.9  # Of the rows with the cue that have the label.
LEAST_LIFT = 0.3  # Above the share of the label in all rows.
SIGNIFICANT = 0.01
CHANGED_FRACTION = 0.2  # Of the rows with the cue: other answers without it.
COVERED_FRACTION = 0.5  # Of the rows of the label.
MOST_NAMED = 5
MOST_CHARACTERS = 5_000
_markup = re.compile(r"https?://[\w.-]+|</?[A-Za-z][\w-]*[^<>]{0,200}>|&[a-z]{2,8};|[@#]\w+").findall
_signs = re.compile(
    r"[!-/:-@\[-`{-~\u2010-\u2027\u2030-\u205e\u3001-\u303f\uff01-\uff0f\uff1a-\uff20\u200b-\u200f]"
).findall


@dataclass(frozen=True)
class Cue:
    """A cue and the label it predicts.

    Parameters
    ----------
    text : str
    label : int
    rows : ndarray of int
        Labelled rows with the cue.
    share : float
        Of them, how many have the label, 0 to 1.
    p_value : float
        After correction.
    """

    text: str
    label: int
    rows: np.ndarray
    share: float
    p_value: float


def cues_of(text: str) -> set[str]:
    """Give what stands in a text and has no meaning of its own."""
    text = text[:MOST_CHARACTERS]
    words = {word.lower() for word in segment(text)}
    meaningless = {word for word in words if word in ENGLISH or word in CHINESE or any(map(str.isdigit, word))}
    return meaningless | set(_signs(text)) | set(_markup(text))


def check_spurious_cues(rows: Rows, *, random_state: int = 0) -> Iterator[Finding]:
    """Find cues without a meaning that alone predict a label, and say how many answers change without them."""
    labelled = labelled_rows(rows)
    if labelled is None or len(labelled[0]) > MOST_ROWS or len(labelled[0]) * len(labelled[1]) > MOST_NUMBERS:
        return
    positions, classes, codes = labelled
    texts = [rows.texts[int(position)] for position in positions]
    cues = predicting_cues([cues_of(text) for text in texts], codes)
    if not cues:
        return
    changed = changed_without(texts, codes, cues, random_state=random_state)
    kept = [
        (cue, share)
        for cue, share in zip(cues, changed, strict=True)
        if share >= CHANGED_FRACTION or _is_everywhere(cue, codes)
    ]
    if not kept:
        return
    kept.sort(key=lambda one: (-one[1] * len(one[0].rows), one[0].text))
    shown = "; ".join(
        f"{cue.text!r} for {classes[cue.label]} ({len(cue.rows):,} rows, {share:.0%} answered otherwise without it)"
        for cue, share in kept[:MOST_NAMED]
    )
    affected = [int(positions[row]) for cue, _ in kept for row in cue.rows]
    named = [cue.text for cue, _ in kept for _ in cue.rows]
    yield Finding(
        "spurious-cues",
        "warning",
        f"{count_of(len(kept), 'cue')} without a meaning of {'its' if len(kept) == 1 else 'their'} own "
        f"{'predicts' if len(kept) == 1 else 'predict'} a label: {shown}",
        positions_of(list(dict.fromkeys(affected))),
        rows.origin,
        examples_of(rows, affected, cue=named),
        "take it out of the texts, or add rows with it under other labels",
        {
            "cues": [
                {
                    "cue": cue.text,
                    "label": str(classes[cue.label]),
                    "rows": len(cue.rows),
                    "share": cue.share,
                    "p_value": cue.p_value,
                    "changed_without": share,
                }
                for cue, share in kept
            ],
            "rule": f"a sign, a stop word, a piece of markup or what holds digits, in {FEWEST_ROWS} rows or more, of which "
            f"{LEAST_SHARE:.0%} have one label; p below {SIGNIFICANT} after Bonferroni's correction; without it at least "
            f"{CHANGED_FRACTION:.0%} of the out-of-fold answers change, or half of the rows of the label have the sign",
        },
    )


def _is_everywhere(cue: Cue, codes: np.ndarray) -> bool:
    """Whether most rows of the label have a cue that is no word and no number: other words may say the label, too."""
    return not cue.text.isalnum() and cue.share * len(cue.rows) >= COVERED_FRACTION * int(
        (codes == cue.label).sum()
    )


def predicting_cues(cues: list[set[str]], codes: np.ndarray) -> list[Cue]:
    """Give the cues of which nearly all rows have one label, far beyond chance.

    Parameters
    ----------
    cues : list of set of str
        Those of each row.
    codes : ndarray of shape (n_rows,)
        The label of each row, from 0.
    """
    having = defaultdict(list)
    for row, own in enumerate(cues):
        for cue in own:
            having[cue].append(row)
    frequent = {cue: np.array(own) for cue, own in having.items() if len(own) >= FEWEST_ROWS}
    shares = [float(share) for share in np.bincount(codes) / len(codes)]
    found = []
    for cue, members in frequent.items():
        label, hits = Counter(codes[members].tolist()).most_common(1)[0]
        tail = float(bdtrc(hits - 1, len(members), shares[label])) if shares[label] < 1 else 1.0
        p_value = min(1.0, tail * len(frequent) * len(shares))
        share = hits / len(members)
        if share >= max(LEAST_SHARE, shares[label] + LEAST_LIFT) and p_value < SIGNIFICANT:
            found.append(Cue(cue, label, members, share, p_value))
    return found


def changed_without(texts: list[str], codes: np.ndarray, cues: list[Cue], *, random_state: int) -> list[float]:
    """Give for each cue the share of its rows, 0 to 1, that get another out-of-fold answer when it is taken away."""
    counted = TfidfVectorizer(
        analyzer=lambda text: [*segment(text.lower()), *_signs(text), *_markup(text)],
        min_df=2,
        dtype=np.float32,
    )
    features = counted.fit_transform(texts)
    columns = [counted.vocabulary_.get(cue.text) for cue in cues]
    folds = folds_of(codes, np.random.default_rng(random_state))
    changed = np.zeros(len(cues))
    for fold in range(N_FOLDS):
        model = SparseBayes(features[folds != fold], codes[folds != fold], n_classes=int(codes.max()) + 1)
        for place, (cue, column) in enumerate(zip(cues, columns, strict=True)):
            own = features[cue.rows[folds[cue.rows] == fold]]
            if column is not None and own.shape[0]:
                answers = (model.probabilities(some).argmax(axis=1) for some in (own, _without(own, column)))
                changed[place] += np.not_equal(*answers).sum()
    return [float(count / len(cue.rows)) for count, cue in zip(changed, cues, strict=True)]


def _without(features: csr_matrix, column: int) -> csr_matrix:
    lines = csc_matrix(features, copy=True)
    lines.data[lines.indptr[column] : lines.indptr[column + 1]] = 0
    return lines.tocsr()
