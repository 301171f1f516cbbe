"""A method's spans combined with those of rules, by a stated precedence: `span_rules.v1`."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from metier.errors import SettingsError
from metier.features.gazetteer import Gazetteer
from metier.predictors.composite.members import NOTHING, Composed, Known, Member
from metier.predictors.composite.vote import join_spans
from metier.predictors.loading import read_settings
from metier.tasks.answer_batches import RecordAnswers
from metier.tasks.answers.scored_spans import ScoredSpan, precede, without_overlap
from metier.text.tokens import token_offsets

KIND = "span_rules.v1"
PHRASES_FILE = "rule_phrases.json"
PRECEDENCES = ("over", "under")


class SpanRules:
    """Phrases and patterns that say what a span is. Safe to share between threads.

    Parameters
    ----------
    phrases : Gazetteer
        Found in any case of letters, the longest first.
    patterns : sequence of (pattern, label)
        Regular expressions; where one has a group, the first group is the span. Earlier ones come first, and all
        come before the phrases.
    probability : float
        That a rule is right, 0 to 1.

    Raises
    ------
    SettingsError
        If a pattern is none.
    """

    def __init__(
        self, phrases: Gazetteer, patterns: Sequence[tuple[str, str]] = (), *, probability: float = 1.0
    ):
        self.phrases = phrases
        self.patterns = [(str(pattern), str(label)) for pattern, label in patterns]
        self.probability = probability
        self._compiled = [(_compile(pattern), label) for pattern, label in self.patterns]

    def spans(self, text: str) -> list[ScoredSpan]:
        """Give the spans that the rules find in a text, in order and without overlap."""
        return without_overlap([*self._by_pattern(text), *self._by_phrase(text)])

    def _by_pattern(self, text: str) -> list[ScoredSpan]:
        return [
            ScoredSpan(*match.span(min(1, pattern.groups)), label, self.probability)
            for pattern, label in self._compiled
            for match in pattern.finditer(text)
            if match.start(min(1, pattern.groups)) < match.end(min(1, pattern.groups))
        ]

    def _by_phrase(self, text: str) -> list[ScoredSpan]:
        offsets = token_offsets(text)
        matches = self.phrases.matches([text[start:end].lower() for start, end in offsets])
        return [
            ScoredSpan(offsets[match.first][0], offsets[match.stop - 1][1], match.label, self.probability)
            for match in matches
        ]


class SpanRulesPredictor(Composed):
    """A method and rules: with `over` the rules' spans win where they overlap, with `under` the method's.

    Parameters
    ----------
    member : Member
    rules : SpanRules
    precedence : {"over", "under"}
    labels : sequence of str
    name : str
        Versioned name of the method that left this predictor.
    """

    def __init__(self, *, member: Member, rules: SpanRules, precedence: str, labels: Sequence[str], name: str):
        self.members = (member,)
        self.rules = rules
        self.precedence = precedence
        self.labels = tuple(labels)
        self.name = name

    @classmethod
    def load(cls, folder: Path, *, threads: int = 1) -> Self:
        """Load what `fusion.span_rules.export_span_rules` wrote; `threads` are those of the method."""
        settings = read_settings(folder)
        [entry], labels = settings["members"], settings["labels"]
        return cls(
            member=Member.load(folder, entry, labels=labels, threads=threads),
            rules=_read_rules(folder, settings),
            precedence=settings["precedence"],
            labels=labels,
            name=settings["name"],
        )

    def predict(self, texts: Sequence[str], *, known: Known = NOTHING) -> RecordAnswers:
        """Find the spans of texts, a batch at a time; a method whose answers are `known` is not asked."""
        return join_spans(self.members, texts, self._joined, known, name=self.name)

    def _joined(self, text: str, found: Sequence[Sequence[ScoredSpan]]) -> list[ScoredSpan]:
        [own] = found
        return join(own, self.rules.spans(text), precedence=self.precedence)


def join(own: Sequence[ScoredSpan], by_rule: Sequence[ScoredSpan], *, precedence: str) -> list[ScoredSpan]:
    """Join a method's spans with those of rules: `over` puts the rules first, `under` the method."""
    return precede(by_rule, own) if precedence == "over" else precede(own, by_rule)


def _read_rules(folder: Path, settings: Mapping[str, Any]) -> SpanRules:
    return SpanRules(
        Gazetteer.load(folder / PHRASES_FILE),
        [(pattern, label) for pattern, label in settings["patterns"]],
        probability=settings["probability"],
    )


def _compile(pattern: str) -> "re.Pattern[str]":
    try:
        return re.compile(pattern)
    except re.error as error:
        raise SettingsError([f"the pattern {pattern!r} is not a regular expression ({error})"]) from None
