"""Rules that mark spans of texts, and rules that see what stands between two marked entities.

rules:
  - label: city
    mark: [Paris, 北京, "re:\\b[A-Z]\\w+ville\\b"]   # what is marked, in any case; re:… minds case, and marks its group
    before: [flew to, city of]                        # one of these stands in the characters before it; `after` likewise
    window: 30                                        # how many characters are looked at
  - label: none                                       # no span: it speaks against what others mark there
    mark: [Paris Hilton]

  - label: founded                                    # of a relation: what stands between the two entities
    between: [founded, "re:set up by", 创立]
    order: head_first                                 # or tail_first; any where it is left out
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from pydantic import BaseModel, Field, ValidationError

from metier.data.weak_labels.label_model import LabelModel, majority_vote
from metier.data.weak_labels.votes import ABSTAINS, Votes
from metier.errors import CallError, SettingsError
from metier.text import has_han

MARKED = ("mark", "between")  # The keys of rules of these sorts.
REGEX = "re:"
NO_SPAN = "none"  # The label of rules that speak against a span, and of places that are none.
WINDOW = 30
# A place in a text: the row, the start and the end.
Place = tuple[int, int, int]


class _WrittenMark(BaseModel, frozen=True, extra="forbid"):
    label: str = Field(min_length=1)
    name: str | None = None
    mark: tuple[str, ...]
    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    window: int = Field(default=WINDOW, ge=1)


class _WrittenRelation(BaseModel, frozen=True, extra="forbid"):
    label: str = Field(min_length=1)
    name: str | None = None
    between: tuple[str, ...]
    order: Literal["head_first", "tail_first"] | None = None


@dataclass(frozen=True)
class SpanRule:
    """A rule that marks what its patterns find, where the words around it allow it.

    Parameters
    ----------
    name, label : str
    mark, before, after : compiled patterns
    window : int
        Characters to either side that are looked at.
    """

    name: str
    label: str
    mark: tuple[re.Pattern[str], ...]
    before: tuple[re.Pattern[str], ...] = ()
    after: tuple[re.Pattern[str], ...] = ()
    window: int = WINDOW

    def places(self, text: str) -> set[tuple[int, int]]:
        """Give start and end of everything that it marks in a text."""
        found = {
            match.span(1 if pattern.groups else 0) for pattern in self.mark for match in pattern.finditer(text)
        }
        return {(start, end) for start, end in found if end > start and self._is_allowed(text, start, end)}

    def _is_allowed(self, text: str, start: int, end: int) -> bool:
        left, right = text[max(0, start - self.window) : start], text[end : end + self.window]
        return _any_found(self.before, left) and _any_found(self.after, right)


@dataclass(frozen=True)
class RelationRule:
    """A rule that votes for a relation by what stands between the two entities.

    Parameters
    ----------
    name, label : str
    between : compiled patterns
        One of them is found between the entities.
    order : {"head_first", "tail_first"} or None
        Which entity stands first; None: any.
    """

    name: str
    label: str
    between: tuple[re.Pattern[str], ...]
    order: str | None = None

    def __call__(self, item: Any) -> str | None:
        """Give the relation of a mapping with `text`, `head` and `tail`, or None to abstain."""
        head, tail = item["head"], item["tail"]
        is_head_first = head[0] <= tail[0]
        if self.order is not None and (self.order == "head_first") is not is_head_first:
            return None
        first, second = (head, tail) if is_head_first else (tail, head)
        return self.label if _any_found(self.between, item["text"][first[1] : second[0]]) else None


def _any_found(patterns: Sequence[re.Pattern[str]], text: str) -> bool:
    return not patterns or any(pattern.search(text) for pattern in patterns)


def build_marked_rule(
    number: int, values: Mapping[str, Any], faults: list[str]
) -> SpanRule | RelationRule | None:
    """Turn plain values with `mark` or `between` into a rule; what is wrong is added to the faults."""
    written_as = _WrittenMark if "mark" in values else _WrittenRelation
    try:
        written: Any = written_as(**values)
    except ValidationError as error:
        faults += [
            f"rule {number}: {'.'.join(map(str, fault['loc']))}: {fault['msg']}; "
            f"known: {', '.join(written_as.model_fields)}"
            for fault in error.errors()
        ]
        return None
    name = written.name or f"{number}: {written.label}"

    def compiled(field: str, patterns: Sequence[str]) -> tuple[re.Pattern[str], ...]:
        # Names are told from words by their capitals: what marks by a regular expression minds them.
        flags = 0 if field == "mark" else re.IGNORECASE
        where = f"rule {number}, {field}"
        return tuple(compile_pattern(pattern, where, faults, flags=flags) for pattern in patterns)

    if isinstance(written, _WrittenMark):
        around = compiled("before", written.before), compiled("after", written.after)
        return SpanRule(name, written.label, compiled("mark", written.mark), *around, written.window)
    return RelationRule(name, written.label, compiled("between", written.between), written.order)


def contradictions(rules: Sequence[Any]) -> list[str]:
    """Give a sentence for each two rules that have the same conditions and different labels."""
    seen: dict[Any, Any] = {}
    faults = []
    for rule in rules:
        conditions = tuple(
            frozenset(pattern.pattern for pattern in value) if isinstance(value, tuple) else value
            for field, value in vars(rule).items()
            if field not in ("name", "label")
        )
        other = seen.setdefault((type(rule), conditions), rule)
        if other.label != rule.label:
            faults.append(
                f"{other.name!r} and {rule.name!r} have the same conditions and the labels {other.label} and "
                f"{rule.label}, so they contradict each other; keep one, or tell them apart by further conditions"
            )
    return faults


@dataclass(frozen=True)
class SpanVotes:
    """Votes of rules on places of texts.

    Parameters
    ----------
    places : list of (row, start, end)
        Every place that a rule marks, in order.
    votes : Votes
        One row a place. A rule that marks another place over it says that this one is none.
    """

    places: list[Place]
    votes: Votes

    def probabilities(self, *, by_model: bool = True) -> tuple[np.ndarray, list[float]]:
        """Give the probability of each label of each place, and the estimated accuracy of each rule."""
        model = LabelModel().fit(self.votes)
        found = model.predict_proba(self.votes) if by_model else majority_vote(self.votes)
        return found, model.accuracy_.tolist()

    def spans(
        self, probabilities: np.ndarray, *, n_rows: int, least: float = 0.0
    ) -> list[list[dict[str, Any]]]:
        """Give the spans of each text, the most probable first where two overlap, as mappings with a probability."""
        labels = self.votes.labels
        chosen: list[list[dict[str, Any]]] = [[] for _ in range(n_rows)]
        best = probabilities.argmax(axis=1)
        for at in np.argsort(-probabilities.max(axis=1), kind="stable").tolist():
            row, start, end = self.places[at]
            label, sure = labels[best[at]], float(probabilities[at, best[at]])
            is_free = all(end <= one["start"] or one["end"] <= start for one in chosen[row])
            if label != NO_SPAN and sure >= least and is_free:
                chosen[row].append({"start": start, "end": end, "label": label, "probability": round(sure, 4)})
        return [sorted(own, key=lambda one: one["start"]) for own in chosen]

    def truth(self, spans: Sequence[Any]) -> list[str]:
        """Give the true label of each place: `none` where no span of its text is exactly there."""
        known = [{(start, end): label for start, end, label in own} for own in spans]
        return [known[row].get((start, end), NO_SPAN) for row, start, end in self.places]


def apply_span_rules(rules: Sequence[SpanRule], texts: Sequence[str]) -> SpanVotes:
    """Let every rule mark every text.

    Raises
    ------
    CallError
        If no rule marks anything.
    """
    marked = [[rule.places(text) for rule in rules] for text in texts]
    places = sorted({(row, *place) for row, own in enumerate(marked) for some in own for place in some})
    if not places:
        raise CallError(
            f"None of the {len(rules)} rules applies to any of the {len(texts):,} texts. "
            "Check the words in the rules, and the text column (--text)."
        )
    labels = tuple(sorted({rule.label for rule in rules} | {NO_SPAN}))
    matrix = np.full((len(places), len(rules)), ABSTAINS, dtype=np.int64)
    for at, (row, start, end) in enumerate(places):
        for number, rule in enumerate(rules):
            own = marked[row][number]
            if (start, end) in own:
                matrix[at, number] = labels.index(rule.label)
            elif any(one[0] < end and start < one[1] for one in own):
                matrix[at, number] = labels.index(NO_SPAN)
    return SpanVotes(places, Votes(matrix, labels, tuple(rule.name for rule in rules)))


def sort_of_rules(rules: Sequence[Any]) -> type:
    """Give the class of all rules of a file.

    Raises
    ------
    SettingsError
        If a file has rules of several sorts.
    """
    sorts = {type(rule) for rule in rules}
    if len(sorts) > 1:
        fault = (
            "some mark spans, see relations or label texts, and others do not; give rules of one sort in a file"
        )
        raise SettingsError([fault], origin="The rules")
    return sorts.pop()


def compile_pattern(
    written: str, where: str, faults: list[str], *, flags: int = re.IGNORECASE
) -> re.Pattern[str]:
    """Give the pattern of a word, a phrase or `re:…`; what is wrong with it is added to the faults."""
    if written.startswith(REGEX):
        try:
            return re.compile(written.removeprefix(REGEX), flags)
        except re.error as error:
            faults.append(f"{where}: {written!r} is not a regular expression ({error})")
            return re.compile("(?!)")
    if not written.strip():
        faults.append(f"{where}: an empty word is in every text")
    escaped = r"\s+".join(map(re.escape, written.split()))
    # Chinese has no spaces, so there are no word boundaries to match.
    edges = ("", "") if has_han(written) else (r"(?<!\w)", r"(?!\w)")
    return re.compile(f"{edges[0]}{escaped}{edges[1]}", re.IGNORECASE)
