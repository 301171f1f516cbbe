"""Rules that label texts: read from YAML, or Python functions that give a label or None.

rules:
  - label: card_lost
    any_of: [lost my card, stolen, 卡丢了]     # words or phrases, whole, in any case; Chinese anywhere
    none_of: ["re:found (it|again)"]          # a regular expression
  - name: late
    label: card_arrival
    all_of: [card, arrive]
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
from pydantic import BaseModel, Field, ValidationError

from metier.data.weak_labels.marked_rules import (
    MARKED,
    RelationRule,
    SpanRule,
    build_marked_rule,
    compile_pattern,
    contradictions,
    sort_of_rules,
)
from metier.data.weak_labels.votes import ABSTAINS, Votes
from metier.errors import CallError, SettingsError
from metier.given_files import FileFaultError, given_yaml

# From a text to a label, or None to abstain.
LabellingFunction = Callable[[str], str | None]


@runtime_checkable
class Named(Protocol):
    """A rule with a name."""

    @property
    def name(self) -> str:
        """Its name, for the report."""
        ...


@runtime_checkable
class Function(Protocol):
    """A Python function, or what wraps one."""

    __name__: str


class _Written(BaseModel, frozen=True, extra="forbid"):
    """One rule as written in YAML."""

    label: str = Field(min_length=1)
    name: str | None = None
    any_of: tuple[str, ...] = ()
    all_of: tuple[str, ...] = ()
    none_of: tuple[str, ...] = ()


@dataclass(frozen=True)
class Rule:
    """A rule that votes for one label.

    Parameters
    ----------
    name, label : str
    any_of, all_of, none_of : compiled patterns
        One, every one, and none of which must be found in the text; an empty condition always holds.
    """

    name: str
    label: str
    any_of: tuple[re.Pattern[str], ...] = ()
    all_of: tuple[re.Pattern[str], ...] = ()
    none_of: tuple[re.Pattern[str], ...] = ()

    def __call__(self, text: str) -> str | None:
        """Give the label, or None to abstain."""
        applies = (
            (not self.any_of or any(pattern.search(text) for pattern in self.any_of))
            and all(pattern.search(text) for pattern in self.all_of)
            and not any(pattern.search(text) for pattern in self.none_of)
        )
        return self.label if applies else None


AnyRule = Rule | SpanRule | RelationRule


def read_rules(path: Path) -> list[AnyRule]:
    """Read rules from YAML.

    Raises
    ------
    CallError
        If the file cannot be read as YAML.
    SettingsError
        With a message for each rule that cannot be used.
    """
    try:
        content = given_yaml(path)
    except FileNotFoundError:
        raise CallError(f"There is no file of rules {path}. Check --rules.") from None
    except FileFaultError as error:
        raise CallError(
            f"The rules {path} cannot be read ({error}). Give YAML of UTF-8; quote what holds a colon or a bracket."
        ) from None
    listed = content.get("rules") if isinstance(content, dict) else content
    if not isinstance(listed, list) or not listed:
        raise CallError(
            f"{path} should hold a list of rules under `rules:`, each with a label and any_of, all_of."
        )
    return build_rules(listed, origin=str(path))


def build_rules(listed: Sequence[Any], *, origin: str = "The rules") -> list[AnyRule]:
    """Turn plain values into rules; raises `SettingsError` with all faults."""
    faults: list[str] = []
    rules = [_build(number, values, faults) for number, values in enumerate(listed, 1)]
    names = [rule.name for rule in rules if rule is not None]
    faults += [
        f"{name}: {names.count(name)} rules have this name; give each its own"
        for name in dict.fromkeys(names)
        if names.count(name) > 1
    ]
    known = [rule for rule in rules if rule is not None]
    faults += contradictions(known)
    if faults:
        raise SettingsError(faults, origin=origin)
    sort_of_rules(known)
    return known


def apply_rules(rules: Sequence[Any], texts: Sequence[Any]) -> Votes:
    """Apply every rule and function to every text, or to what else they take: a text with two entities.

    Raises
    ------
    CallError
        If no rule ever votes: there would be no labels.
    """
    found = [[rule(text) for rule in rules] for text in texts]
    voted = {label for row in found for label in row if label is not None}
    labels = tuple(sorted(voted | {rule.label for rule in rules if isinstance(rule, Rule | RelationRule)}))
    if not voted:
        raise CallError(
            f"None of the {len(rules)} rules applies to any of the {len(texts):,} texts. "
            "Check the words in the rules, and the text column (--text)."
        )
    codes = {label: position for position, label in enumerate(labels)} | {None: ABSTAINS}
    matrix = np.array([[codes[label] for label in row] for row in found], dtype=np.int64)
    names = tuple(_name_of(rule, number) for number, rule in enumerate(rules, 1))
    return Votes(matrix, labels, names)


def _name_of(rule: Rule | LabellingFunction, number: int) -> str:
    if isinstance(rule, Named):
        return rule.name
    return rule.__name__ if isinstance(rule, Function) else str(number)


def _build(number: int, values: Any, faults: list[str]) -> AnyRule | None:
    where = f"rule {number}"
    if not isinstance(values, dict):
        faults.append(f"{where}: expected a label and conditions, found {values!r}")
        return None
    if any(key in values for key in MARKED):
        return build_marked_rule(number, values, faults)
    try:
        written = _Written(**values)
    except ValidationError as error:
        faults += [
            f"{where}: {'.'.join(map(str, fault['loc']))}: {fault['msg']}; known: {', '.join(_Written.model_fields)}"
            for fault in error.errors()
        ]
        return None
    if not written.any_of and not written.all_of:
        faults.append(f"{where}: it has neither any_of nor all_of, so it would apply to every text")
    conditions = {
        name: tuple(compile_pattern(pattern, f"{where}, {name}", faults) for pattern in patterns)
        for name, patterns in written.model_dump(include={"any_of", "all_of", "none_of"}).items()
    }
    return Rule(written.name or f"{number}: {written.label}", written.label, **conditions)
