"""Answers with what their source does not say beside them: numbers, names and quotations that were not asked."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from metier.bundles.loading import Bundle
from metier.errors import CallError
from metier.predictors.loading import Predictor
from metier.tasks.answer_batches import RecordAnswers
from metier.tasks.answers.written_text import WrittenText
from metier.tasks.inputs import InputKind
from metier.tasks.text_kinds import TEXT_KINDS, kind_of_metric
from metier.text.claims import unsupported_claims

UNSUPPORTED = "unsupported"  # The field of a record: what the source does not say, or nothing.
BETWEEN = "; "


class ClaimChecked:
    """A predictor that writes, whose records say what the source does not.

    Parameters
    ----------
    inner : Predictor
    input_kind : InputKind
        How a question is read as one text.
    checks : sequence of str
        As `text.claims` names them.
    """

    def __init__(self, inner: Predictor, input_kind: InputKind, checks: Sequence[str]):
        self.name, self.labels = inner.name, inner.labels
        self.inner, self.input_kind, self.checks = inner, input_kind, tuple(checks)

    @classmethod
    def load(cls, folder: Any, *, threads: int = 1) -> "ClaimChecked":
        """A check is put around a loaded predictor, and never stored."""
        raise CallError(f"{folder} holds no check of claims: it is made anew wherever a bundle is loaded.")

    def predict(self, items: Sequence[Any], /) -> RecordAnswers:
        """Answer, and look the claims of the answers up in what was asked."""
        answers: Any = self.inner.predict(items)
        records = [
            {**record, UNSUPPORTED: self._unsupported(item, str(text))}
            for item, record, text in zip(items, answers.records, answers.predicted, strict=True)
        ]
        checked: RecordAnswers = replace(answers, records=records)
        return checked

    def _unsupported(self, item: Any, answer: str) -> str | None:
        source = "\n".join(self.input_kind.shown(item))
        found = unsupported_claims(source, answer, checks=self.checks)
        return BETWEEN.join(claim.text for claim in found) or None


def claim_checked(bundle: Bundle) -> Bundle:
    """Give a bundle whose records have the field `unsupported`.

    Raises
    ------
    CallError
        If it writes nothing that its questions would have to say.
    """
    kind = TEXT_KINDS.get(bundle.task.kind) or TEXT_KINDS[kind_of_metric(bundle.task.primary_metric)]
    if not isinstance(bundle.answer_kind, WrittenText) or not kind.checks:
        raise CallError(
            f"{bundle.name} answers the task {bundle.task.name}, whose answers are not looked up in what was asked. Leave "
            "--flag-unsupported out."
        )
    return replace(bundle, predictor=ClaimChecked(bundle.predictor, bundle.input_kind, kind.checks))
