"""Tests that the user writes, as YAML: sentences from templates, with what must be answered or how the answer must move.

```yaml
tests:
  - name: plain complaints            # minimum functionality: this must be right
    kind: minimum
    template: "The {thing} does not {work}."
    fill: {thing: [app, card reader], work: [work, start]}
    label: technical_problem
  - name: urgency                     # direction: what is added may not lower the probability of a label
    kind: direction
    template: "My {thing} is lost."
    fill: {thing: [card, phone]}
    add: " Please help at once, this is urgent!"
    label: urgent
    change: up
  - name: paraphrases                 # invariance: both must be answered the same
    kind: invariance
    pairs: [["I lost my card", "My card is gone"]]
```
"""

import itertools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from metier.assurance.behaviour.case import DIRECTION, INVARIANCE, KINDS, MINIMUM
from metier.errors import CallError, UnknownNameError, quoted, suggest
from metier.given_files import FileFaultError, given_yaml

KEYS = ("name", "kind", "template", "texts", "fill", "label", "add", "change", "tolerance", "pairs")
UP, DOWN, SAME = "up", "down", "same"
CHANGES = (UP, DOWN, SAME)
TOLERANCE = 0.05  # Of a probability.
MOST_TEXTS = 2_000  # Of one test: templates multiply.
_slots = re.compile(r"\{(\w+)\}").findall


@dataclass(frozen=True)
class WrittenTest:
    """A test as it was written.

    Parameters
    ----------
    name : str
    kind : {"minimum", "direction", "invariance"}
    texts : tuple of str
        What is asked; of an invariance the first of each pair.
    others : tuple of str
        Of a direction the texts with what is added, of an invariance the second of each pair.
    label : str or None
        What must be answered, or whose probability must move.
    change : {"up", "down", "same"}
        How it must move.
    tolerance : float
        How far a probability may move the other way.
    """

    name: str
    kind: str
    texts: tuple[str, ...]
    others: tuple[str, ...] = ()
    label: str | None = None
    change: str = UP
    tolerance: float = TOLERANCE


def read_tests(path: str | Path, *, labels: Sequence[str]) -> list[WrittenTest]:
    """Read a file of tests.

    Parameters
    ----------
    labels : sequence of str
        That the model knows.

    Raises
    ------
    CallError
        If the file is missing, no YAML, or a test lacks what its kind needs: which test, what was expected.
    """
    path = Path(path)
    try:
        found = given_yaml(path)
    except FileNotFoundError:
        raise CallError(f"There is no file of tests {path}. Name a YAML file with an entry tests.") from None
    except FileFaultError as error:
        raise CallError(
            f"{path} cannot be read as tests ({error}). Write YAML of UTF-8: tests: and below it one test each line that "
            "begins with -."
        ) from None
    entries = found.get("tests") if isinstance(found, Mapping) else None
    if not isinstance(entries, list) or not entries:
        raise CallError(
            f"{path} has no list of tests. Write tests: and below it one test each line that begins with -."
        )
    tests = [_test(one, f"{path}, test {n}", labels) for n, one in enumerate(entries, 1)]
    names = [test.name for test in tests]
    twice = next((name for place, name in enumerate(names) if name in names[:place]), None)
    if twice is not None:
        raise CallError(f"{path} has two tests called {quoted(twice)}. Give each a name of its own.")
    return tests


def _test(found: Any, origin: str, labels: Sequence[str]) -> WrittenTest:
    if not isinstance(found, Mapping):
        raise CallError(f"{origin} is no mapping. Expected entries out of {', '.join(KEYS)}.")
    for key in found:
        if key not in KEYS:
            raise CallError(
                f"{origin} has an entry {quoted(key)}.{suggest(str(key), KEYS)} Known are {', '.join(KEYS)}."
            )
    kind = found.get("kind", MINIMUM)
    if kind not in KINDS:
        raise UnknownNameError("kind", str(kind)[:80], known=KINDS)
    name = found.get("name")
    if not isinstance(name, str) or not name.strip():
        raise CallError(f"{origin} has no name. Give it one, by which a policy can ask for it.")
    if kind == INVARIANCE and "pairs" in found:
        pairs = _pairs(found["pairs"], origin)
        return WrittenTest(name, kind, *map(tuple, zip(*pairs, strict=True)))  # type: ignore[arg-type]
    texts = _texts(found, origin)
    added = found.get("add")
    if kind == MINIMUM:
        return WrittenTest(name, kind, texts, label=_label(found, origin, labels))
    if not isinstance(added, str) or not added:
        raise CallError(
            f"{origin} has no text to add, and a test of {kind} compares texts with and without it. Give add."
        )
    others = tuple(text + added for text in texts)
    if kind == INVARIANCE:
        return WrittenTest(name, kind, texts, others)
    change = found.get("change", UP)
    if change not in CHANGES:
        raise UnknownNameError("change", str(change)[:80], known=CHANGES)
    return WrittenTest(
        name, DIRECTION, texts, others, _label(found, origin, labels), change, _tolerance(found, origin)
    )


def _texts(found: Mapping[str, Any], origin: str) -> tuple[str, ...]:
    given = found.get("texts")
    if given is not None:
        if (
            not isinstance(given, list)
            or not given
            or not all(isinstance(one, str) and one.strip() for one in given)
        ):
            raise CallError(f"{origin}, texts: expected a list of texts.")
        return tuple(given)
    template = found.get("template")
    if not isinstance(template, str) or not template.strip():
        raise CallError(f"{origin} asks nothing. Give it a template, or texts.")
    return tuple(_filled(template, found.get("fill") or {}, origin))


def _filled(template: str, fill: Any, origin: str) -> list[str]:
    slots = list(dict.fromkeys(_slots(template)))
    values = {key: fill[key] for key in slots if isinstance(fill, Mapping) and isinstance(fill.get(key), list)}
    lacking = [slot for slot in slots if not values.get(slot)]
    if lacking:
        raise CallError(f"{origin}: nothing fills {', '.join(lacking)}. Give each a list of words under fill.")
    found: list[str] = []
    for words in itertools.product(*(values[slot] for slot in slots)):
        if len(found) == MOST_TEXTS:
            raise CallError(f"{origin} gives more than {MOST_TEXTS:,} texts. Give fewer words, or two tests.")
        text = template
        for slot, word in zip(slots, words, strict=True):
            text = text.replace("{" + slot + "}", str(word))
        found.append(text)
    return found


def _pairs(given: Any, origin: str) -> list[tuple[str, str]]:
    is_list = isinstance(given, list) and bool(given)
    if not is_list or not all(
        isinstance(one, list) and len(one) == 2 and all(map(_is_text, one)) for one in given
    ):
        raise CallError(
            f"{origin}, pairs: expected a list of pairs of texts, as in [[one, other], [one, other]]."
        )
    return [(one[0], one[1]) for one in given]


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _label(found: Mapping[str, Any], origin: str, labels: Sequence[str]) -> str:
    label = found.get("label")
    if label is None:
        raise CallError(f"{origin} names no label. Give the label that must be answered, or must move.")
    if str(label) not in labels:
        raise UnknownNameError("label", str(label)[:80], known=list(labels))
    return str(label)


def _tolerance(found: Mapping[str, Any], origin: str) -> float:
    given = found.get("tolerance", TOLERANCE)
    if isinstance(given, bool) or not isinstance(given, int | float) or not 0 <= given < 1:
        raise CallError(
            f"{origin}, tolerance: found {quoted(given)}. Expected a probability from 0 to below 1."
        )
    return float(given)
