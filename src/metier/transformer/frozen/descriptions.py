"""What is known of labels before any row: the sentences that describe them, or the words of their names."""

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from metier.errors import SettingsError
from metier.text.segmentation import has_han

# Three letters in a row, or a character of a script that writes words without spaces: a name that says something.
WORD = re.compile(r"[^\W\d_]{3}|[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")
JOINTS = re.compile(r"[\W_]+|(?<=[a-z])(?=[A-Z])")
# As "Cause-Effect(e2,e1)" says that the first entity is the effect.
TURNED = re.compile(r"\(\s*e?(\d)\s*,\s*e?(\d)\s*\)$")
HEAD, TAIL = "{head}", "{tail}"
SHOWN = 5

Descriptions = Mapping[str, str | Sequence[str]]


def read_descriptions(descriptions: Descriptions | str | Path | None) -> dict[str, list[str]]:
    """Give the sentences of each label that has some.

    Raises
    ------
    SettingsError
        If they are not a mapping from labels to sentences, or cannot be read.
    """
    found: Any = descriptions or {}
    origin = "descriptions"
    if isinstance(descriptions, str | Path):
        origin = str(descriptions)
        try:
            found = json.loads(Path(descriptions).read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise SettingsError([f"descriptions are not in {origin}: {error}"]) from None
    if not isinstance(found, Mapping):
        raise SettingsError(
            [f"{origin} is a {type(found).__name__}, expected a mapping from labels to sentences"]
        )
    sentences = {str(label): [each] if isinstance(each, str) else list(each) for label, each in found.items()}
    faults = [
        f"the description of {label!r} is {each!r}, expected a sentence or several"
        for label, each in sentences.items()
        if not each or not all(isinstance(one, str) and one.strip() for one in each)
    ]
    if faults:
        raise SettingsError(faults, origin=origin)
    return sentences


def describe(label: str, given: Mapping[str, Sequence[str]]) -> list[str]:
    """Give the sentences that describe a label: its own, or its name as words."""
    return list(given.get(label) or [" ".join(label.replace("_", " ").split()) or label])


def check_names_say_something(labels: Sequence[str], given: Mapping[str, Sequence[str]]) -> None:
    """Refuse labels that are all numbers or codes and have no description.

    Raises
    ------
    SettingsError
        With the labels, and how to describe them.
    """
    silent = [label for label in labels if label not in given and words_of(label) is None]
    if len(silent) == len(labels):
        shown = ", ".join(map(repr, silent[:SHOWN]))
        raise SettingsError(
            [
                f"the names of the labels ({shown}) say nothing, and a method that learns from no row knows nothing else "
                "of them; expected descriptions, a mapping from each label to a sentence that says what it means"
            ]
        )


def words_of(label: str) -> str | None:
    """Give a label's name as words (`card_arrival`: "card arrival"); None where it is a number or a code."""
    return " ".join(JOINTS.sub(" ", label).split()) if WORD.search(label) else None


def verbalised(label: str, head: str, tail: str, given: Mapping[str, Sequence[str]]) -> list[str]:
    """Give the sentences that state a relation of two entities.

    A description names them as `{head}` and `{tail}`; one that does not stands behind them. Of a name the words are the
    predicate, and a turned order in it ("Cause-Effect(e2,e1)") turns them.
    """
    if label in given:
        return [
            each.replace(HEAD, head).replace(TAIL, tail)
            if HEAD in each or TAIL in each
            else f"{head}, {tail}: {each}"
            for each in given[label]
        ]
    turned = TURNED.search(label)
    name = words_of(TURNED.sub("", label)) or label
    one, other = (tail, head) if turned and turned[1] > turned[2] else (head, tail)
    return [f"{one}是{other}的{name}" if has_han(name) else f"{one} and {other}: {name.lower()}"]


def directions(means: np.ndarray) -> np.ndarray:
    """Give what tells each of some vectors from the mean of all, of length 1: ndarray of shape (n_vectors, size)."""
    centred = (means - means.mean(axis=0)).astype(np.float64)
    # Two labels called the same have no direction of their own.
    return np.asarray(centred / np.maximum(np.linalg.norm(centred, axis=1, keepdims=True), 1e-9))
