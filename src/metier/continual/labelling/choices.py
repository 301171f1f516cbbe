"""One label or several, chosen by one key a label; of many labels some are shown, and typing searches the others."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from metier.continual.queue.items import Answer

DIGITS = "1234567890"
# Letters that are commands: skip, undo, comment, back, new label, quit.
COMMANDS = "sucbnq"
LETTERS = "".join(chr(code) for code in range(ord("a"), ord("z") + 1) if chr(code) not in COMMANDS + "a")
MOST_KEYS = 20  # Labels; of more, the most probable have keys.
MOST_SHOWN = 9


@dataclass(frozen=True)
class Option:
    """A label that one key chooses.

    Parameters
    ----------
    key : str
    label : str
    probability : float or None
        By the model.
    is_chosen : bool
    """

    key: str
    label: str
    probability: float | None = None
    is_chosen: bool = False


class LabelKeys:
    """Which key chooses which label.

    Parameters
    ----------
    labels : sequence of str
    suggestion : mapping, optional
        The model's answer, with `label` or `labels` and maybe `probabilities`.
    """

    def __init__(self, labels: Sequence[str], suggestion: Answer | None = None):
        self.labels = tuple(labels)
        self.typed = ""
        given = suggestion or {}
        known = given.get("probabilities")
        self.probabilities: Mapping[str, float] = dict(known) if isinstance(known, Mapping) else {}
        if "label" in given and "probability" in given:
            self.probabilities = {**self.probabilities, given["label"]: given["probability"]}

    @property
    def is_searched(self) -> bool:
        """Whether there are more labels than keys, so that letters search."""
        return len(self.labels) > MOST_KEYS

    def shown(self) -> list[tuple[str, str]]:
        """Give the labels that have a key now, as pairs of a key and a label."""
        if not self.is_searched:
            return list(zip(DIGITS + LETTERS, self.labels, strict=False))
        found = found_labels(self.labels, self.typed)
        if not self.typed:
            found = sorted(found, key=lambda label: -self.probabilities.get(label, 0.0))
        return list(zip(DIGITS, found[:MOST_SHOWN], strict=False))

    def label_of(self, key: str) -> str | None:
        """Give the label that a key chooses; None: it chooses none."""
        return dict(self.shown()).get(key)

    def type(self, key: str) -> bool:
        """Take a key of the search, and say whether it was one."""
        if not self.is_searched:
            return False
        if key == "backspace" and self.typed:
            self.typed = self.typed[:-1]
        elif key == "escape" and self.typed:
            self.typed = ""
        elif key == "space" and self.typed:
            self.typed += " "
        elif len(key) == 1 and key not in DIGITS + "?" and not (key.isascii() and key.isupper()):
            self.typed += key
        else:
            return False
        return True


class OneLabel:
    """One label a row: a key answers."""

    def __init__(self, labels: Sequence[str], suggestion: Answer | None):
        self.keys = LabelKeys(labels, suggestion)
        self.suggested: str | None = (suggestion or {}).get("label")

    def press(self, key: str) -> Answer | None:
        """Take a key, and give the answer once it is complete."""
        if (label := self.keys.label_of(key)) is not None:
            return {"label": label}
        if key == "enter":
            shown = self.keys.shown()
            if self.keys.typed:
                return {"label": shown[0][1]} if shown else None
            return None if self.suggested is None else {"label": self.suggested}
        return None

    def type(self, key: str) -> bool:
        """Take a key of the search, and say whether it was one."""
        return self.keys.type(key)

    def options(self) -> list[Option]:
        """Give what keys choose."""
        known = self.keys.probabilities
        return [
            Option(key, label, known.get(label), label == self.suggested) for key, label in self.keys.shown()
        ]


class LabelSet:
    """Any number of labels a row: keys add and remove, Enter answers."""

    def __init__(self, labels: Sequence[str], suggestion: Answer | None):
        self.keys = LabelKeys(labels, suggestion)
        self.chosen: list[str] = list((suggestion or {}).get("labels", ()))

    def press(self, key: str) -> Answer | None:
        """Take a key, and give the answer once it is complete."""
        shown = self.keys.shown()
        label = self.keys.label_of(key)
        if label is None and key == "enter" and self.keys.typed and shown:
            label = shown[0][1]
        if label is not None:
            self.chosen = [one for one in self.chosen if one != label] + [label] * (label not in self.chosen)
            self.keys.typed = ""
            return None
        return {"labels": sorted(self.chosen)} if key == "enter" else None

    def type(self, key: str) -> bool:
        """Take a key of the search, and say whether it was one."""
        return self.keys.type(key)

    def options(self) -> list[Option]:
        """Give what keys choose, and what is chosen besides."""
        known, shown = self.keys.probabilities, self.keys.shown()
        hidden = [one for one in self.chosen if one not in dict(shown).values()]
        pairs = [*shown, *(("", one) for one in hidden)]
        return [Option(key, label, known.get(label), label in self.chosen) for key, label in pairs]


def found_labels(labels: Sequence[str], typed: str) -> list[str]:
    """Give the labels that hold what was typed, those first that begin with it; words may stand in any order."""
    words = typed.lower().replace("_", " ").split()
    plain = {label: label.lower().replace("_", " ") for label in labels}
    found = [label for label in labels if all(word in plain[label] for word in words)]
    return sorted(found, key=lambda label: not plain[label].startswith(" ".join(words)))
