"""Which of two sentences a base prefers: pairs that differ in who is named, and pronouns by occupation.

The base itself is asked, before any training, by CrowS-Pairs or Winogender. A share of a half says that it prefers neither
side. Both sets are English and of United States stereotypes, and Blodgett et al. [1]_ found many of the pairs unsound, so
the share is a hint at best; it says nothing about a model trained further.

References
----------
.. [1] Blodgett et al., "Stereotyping Norwegian salmon: an inventory of pitfalls in fairness benchmark datasets", 2021,
   doi:10.18653/v1/2021.acl-long.81.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from metier import catalogue
from metier.bundles import resolve_bundle
from metier.data import read
from metier.errors import CallError, MetierError
from metier.evaluation.figure import Figure
from metier.progress import Listener, ignore

FORMAT = "metier.preference.v1"
PAIRS, PRONOUNS = "pairs", "pronouns"
MORE, LESS, TYPE = "sent_more", "sent_less", "bias_type"
OF_OCCUPATION, OF_OTHER = "pronoun of the occupation", "pronoun of the other person"
WRITER_FOLDER = "huggingface"  # Of a bundle: its model as transformers loads it.
MOST_NAMED = 5


class ScoresPairs(Protocol):
    """What says how likely two sentences are."""

    kind: str

    def scores(self, pairs: Sequence[tuple[str, str]], *, listener: Listener = ignore) -> np.ndarray:
        """Give the log-likelihood of both sentences of each pair, of shape (n_pairs, 2)."""
        ...


@dataclass(frozen=True)
class Preference:
    """What a base prefers.

    Parameters
    ----------
    base, kind, origin : str
        Its name, causal or masked, and the file.
    of : {"pairs", "pronouns"}
        Share of pairs in which the more stereotyping sentence is the likelier, or of sentences in which "he" is.
    all : Figure
    parts : mapping of str to Figure
        By the kind of bias, or by whom the pronoun stands for.
    extremes : mapping of str to float
        Of pronouns: the occupations where the mean log-odds of "he" over "she" is lowest and highest.
    """

    base: str
    kind: str
    origin: str
    of: str
    all: Figure
    parts: Mapping[str, Figure]
    extremes: Mapping[str, float]

    def as_dict(self) -> dict[str, Any]:
        """Give it as plain values, for JSON."""
        return {
            "format": FORMAT,
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
            "base": self.base,
            "kind": self.kind,
            "rows": self.origin,
            "of": self.of,
            "all": self.all.as_dict(),
            "parts": {name: one.as_dict() for name, one in self.parts.items()},
            "extremes": dict(self.extremes),
        }


def examine_preference(
    base: str | Path, file: str | Path, *, scorer: ScoresPairs | None = None, listener: Listener = ignore
) -> Preference:
    """Ask a base which sentences of a file it finds likelier.

    Parameters
    ----------
    base : str or path
        A causal or masked language model by its folder or name, or a run or bundle that writes.
    file : path
        Columns `sent_more` and `sent_less` (and `bias_type`) as CrowS-Pairs has them, or `id` and `text` as Winogender
        has them, the id being occupation.participant.answer.gender.
    scorer : ScoresPairs, optional
        In the place of the base.

    Raises
    ------
    CallError
        If the file has neither columns, or the bundle does not write.
    """
    rows = _rows(file)
    is_pairs = MORE in rows[0]
    pairs, parts = _pairs(rows) if is_pairs else _pronouns(rows, str(file))
    name = _base_name(base)
    asked = scorer if scorer is not None else catalogue.resolve_way("pair_likelihood")(name)
    scores = asked.scores(pairs, listener=listener)
    gain = scores[:, 0] - scores[:, 1]
    named = sorted(set(parts))
    shares = {part: _share(gain[[own == part for own in parts]]) for part in named}
    extremes = {} if is_pairs else _extremes(rows, gain)
    return Preference(
        str(base), asked.kind, str(file), PAIRS if is_pairs else PRONOUNS, _share(gain), shares, extremes
    )


def _rows(file: str | Path) -> list[dict[str, Any]]:
    for column in (MORE, "text"):
        try:
            table = read(file, text=column).table
        except CallError:
            continue
        rows: list[dict[str, Any]] = table.to_pylist()
        if rows and ({MORE, LESS} <= set(rows[0]) or {"id", "text"} <= set(rows[0])):
            return rows
    raise CallError(
        f"{file} has neither the columns {MORE} and {LESS} (CrowS-Pairs) nor id and text (Winogender). Give one of these "
        "sets, or sentences of your own in the same columns."
    )


def _base_name(base: str | Path) -> str:
    """Give the base inside of a bundle that writes; anything else by its own name."""
    try:
        folder = resolve_bundle(base)
    except MetierError:
        return str(base)
    inside = folder / WRITER_FOLDER
    if not (inside / "config.json").is_file():
        raise CallError(
            f"{base} holds no language model of its own, so it prefers no sentence. Name a bundle that writes, or a base."
        )
    return str(inside)


def _pairs(rows: Sequence[Mapping[str, Any]]) -> tuple[list[tuple[str, str]], list[str]]:
    pairs = [(str(row[MORE]), str(row[LESS])) for row in rows]
    return pairs, [str(row.get(TYPE) or "pairs") for row in rows]


def _pronouns(rows: Sequence[Mapping[str, Any]], origin: str) -> tuple[list[tuple[str, str]], list[str]]:
    pairs, parts = [], []
    for _, answer, male, female in _templates(rows):
        pairs.append((male, female))
        parts.append(OF_OCCUPATION if answer == "0" else OF_OTHER)
    if not pairs:
        raise CallError(
            f"{origin} has no sentence with both a male and a female pronoun. Expected ids such as "
            "technician.customer.1.male.txt."
        )
    return pairs, parts


def _templates(rows: Sequence[Mapping[str, Any]]) -> list[tuple[str, str, str, str]]:
    """Give occupation, answer, and the sentence with each pronoun."""
    texts: dict[tuple[str, str, str], dict[str, str]] = {}
    for row in rows:
        parts = str(row["id"]).split(".")
        if len(parts) >= 4:
            texts.setdefault((parts[0], parts[1], parts[2]), {})[parts[3]] = str(row["text"])
    return [
        (occupation, answer, one["male"], one["female"])
        for (occupation, _, answer), one in texts.items()
        if {"male", "female"} <= set(one)
    ]


def _extremes(rows: Sequence[Mapping[str, Any]], gain: np.ndarray) -> dict[str, float]:
    """Give the occupations with the lowest and highest mean, where the pronoun is theirs."""
    by_occupation: dict[str, list[float]] = {}
    for (occupation, answer, _, _), value in zip(_templates(rows), gain, strict=True):
        if answer == "0":
            by_occupation.setdefault(occupation, []).append(float(value))
    ranked = sorted(((float(np.mean(own)), name) for name, own in by_occupation.items()))
    return {name: value for value, name in dict.fromkeys([*ranked[:MOST_NAMED], *ranked[-MOST_NAMED:]])}


def _share(gain: np.ndarray) -> Figure:
    return Figure.of_share(int((gain > 0).sum()), len(gain), higher_is_better=None)
