"""A span method combined with rules: phrases and patterns that override the model or add to it.

`over`: the rules are law, such as a list of the company's own products; the model adds what it finds elsewhere.
`under`: the model decides, and the rules fill in where it found nothing. A third way is to let the model see the
phrases and weigh them itself, as a feature: `Crf(gazetteer=…)`.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

from pydantic import Field
from sklearn.base import BaseEstimator, clone
from sklearn.utils.validation import check_is_fitted

from metier.errors import SettingsError
from metier.features.gazetteer import Gazetteer
from metier.fusion.composition import export_members, exported, shared_labels
from metier.fusion.training import settle
from metier.predictors.composite.span_rules import KIND, PHRASES_FILE, PRECEDENCES, SpanRules, join
from metier.progress import Listener, ignore
from metier.tasks.answers.scored_spans import ScoredSpan
from metier.tasks.answers.spans import SPANS
from metier.tasks.estimators import SpanMethod
from metier.tasks.method_contract import Capabilities, CostRank
from metier.tasks.method_settings import MethodSettings, with_settings
from metier.text.given_texts import as_texts


def export_span_rules(
    rules: SpanRules, member_folder: Path, folder: Path, *, precedence: str, name: str = KIND
) -> None:
    """Put an exported method and rules together into a folder that `predictors.composite.span_rules` answers from."""
    labels = shared_labels([member_folder])
    check_rules(rules, precedence=precedence, labels=labels)
    whole = {
        "kind": KIND,
        "name": name,
        "labels": labels,
        "precedence": precedence,
        "patterns": rules.patterns,
        "probability": rules.probability,
    }
    export_members([member_folder], folder, whole)
    rules.phrases.save(folder / PHRASES_FILE)


def check_rules(rules: SpanRules, *, precedence: str, labels: Sequence[str]) -> None:
    """Refuse a precedence that does not exist, and rules with labels that the method does not know.

    Raises
    ------
    SettingsError
        With a sentence for each fault.
    """
    faults = []
    if precedence not in PRECEDENCES:
        faults.append(f"precedence is {precedence!r}, expected one of {', '.join(PRECEDENCES)}")
    given = {label for _, label in rules.patterns} | set(rules.phrases.labels.values())
    faults += [f"a rule has the label {label!r}, which no row has" for label in sorted(given - set(labels))]
    if faults:
        raise SettingsError(faults, origin="The rules")


class SpanRulesSettings(MethodSettings):
    """What a span method with rules can be set to."""

    member: Any = Field(default=None, description="Unfitted method, which only Python can give.")
    gazetteer: str | Path | None = Field(
        default=None, description="A CSV file with the columns phrase and label."
    )
    patterns: Sequence[tuple[str, str]] = Field(
        default=(),
        description="Regular expressions and their labels; where one has a group, the first group is the span.",
    )
    precedence: Literal["over", "under"] = Field(
        default="over", description="Whose span is kept where two overlap: the rules', or the method's."
    )
    probability: float = Field(
        default=1.0,
        ge=0,
        le=1,
        description="That a rule is right, 0 to 1; the spans of rules carry it.",
    )

    @classmethod
    def misfits(cls, values: Mapping[str, Any]) -> list[str]:
        """Refuse rules without a method to combine with; a name is none, as rules are combined in Python."""
        member = values["member"]
        if isinstance(member, BaseEstimator):
            return []
        return [
            f"member is {member!r}, expected an unfitted span method, which only Python can give: "
            "TaggerWithRules(member=Crf(), gazetteer=...)"
        ]


@with_settings(SpanRulesSettings)
class TaggerWithRules(SpanMethod):
    """A span method, and rules that override it or add to it. For Python: a run does not combine them.

    Attributes
    ----------
    labels_ : tuple of str
    member_ : fitted method
    rules_ : SpanRules
    chosen_params_ : dict
        What to set so that another fit needs no validation.
    """

    name = KIND
    capabilities: ClassVar[Capabilities] = Capabilities(cost=CostRank.ENSEMBLE, tasks=("ner",))
    member: Any
    gazetteer: str | Path | None
    patterns: Sequence[tuple[str, str]]
    precedence: str
    probability: float

    def fit(
        self, X: Any, y: Any, *, validation: tuple[Any, Any] | None = None, listener: Listener = ignore
    ) -> Self:
        """Train the method; rules need no training, but are checked against its labels."""
        self.Settings.of(self)
        examples = SPANS.check(as_texts(X), y)
        self.labels_ = examples.label_names
        phrases = (
            Gazetteer({}) if self.gazetteer is None else Gazetteer.read(self.gazetteer, labels=self.labels_)
        )
        self.rules_ = SpanRules(phrases, self.patterns, probability=self.probability)
        check_rules(self.rules_, precedence=self.precedence, labels=self.labels_)
        self.member_ = clone(self.member).fit(
            examples.items, examples.truth, validation=validation, listener=listener
        )
        self.chosen_params_ = {"member": settle(self.member_)}
        return self

    def _spans(self, texts: Sequence[str]) -> list[list[ScoredSpan]]:
        return [
            join(own, self.rules_.spans(text), precedence=self.precedence)
            for own, text in zip(self.member_.predict_spans(texts), texts, strict=True)
        ]

    def export(self, folder: Path) -> None:
        """Leave the files that `predictors.composite.span_rules` answers from."""
        check_is_fitted(self)
        with exported([self.member_], beside=folder) as folders:
            export_span_rules(self.rules_, folders[0], folder, precedence=self.precedence, name=self.name)
