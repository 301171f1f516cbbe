"""Run tests that were written: minimum functionality, direction, and pairs that mean the same."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from metier.assurance.behaviour.asking import BATCH, answers_to, same_answer
from metier.assurance.behaviour.case import INVARIANCE, MINIMUM, BehaviourResult, Case
from metier.assurance.behaviour.written_tests import DOWN, SAME, UP, WrittenTest
from metier.bundles import Model
from metier.errors import CallError
from metier.progress import Listener, ignore
from metier.tasks.answer_batches import Answers, LabelSetAnswers

DIGITS = 4


def run_tests(
    model: Model, tests: Sequence[WrittenTest], *, listener: Listener = ignore
) -> list[BehaviourResult]:
    """Run tests.

    Raises
    ------
    CallError
        If questions of the model are more than a text, or a direction is asked of one without probabilities.
    """
    if tests and model.input_keys != ("text",):
        raise CallError(
            f"{model.name} is asked about {model.input_kind.noun}, and written tests consist of one text each. Test it "
            "by its rows alone: leave the file of tests out."
        )
    return [_run(model, test, listener) for test in tests]


def _run(model: Model, test: WrittenTest, listener: Listener) -> BehaviourResult:
    what = f"{model.name}: the test {test.name}"
    if test.kind == MINIMUM:
        answers = answers_to(model, test.texts, what=what, listener=listener)
        cases = [
            Case(None, text, test.label, answer, _holds(answer, test.label))
            for text, answer in zip(test.texts, answers, strict=True)
        ]
        return BehaviourResult(MINIMUM, test.name, f"must be answered {test.label}", tuple(cases))
    if test.kind == INVARIANCE:
        before = answers_to(model, test.texts, what=what, listener=listener)
        after = answers_to(model, test.others, what=what, listener=listener)
        same = same_answer([*before, *after])
        cases = [
            Case(text, other, one, two, same(one, two, ()))
            for text, other, one, two in zip(test.texts, test.others, before, after, strict=True)
        ]
        return BehaviourResult(INVARIANCE, test.name, "must be answered the same", tuple(cases))
    return _direction(model, test)


def _direction(model: Model, test: WrittenTest) -> BehaviourResult:
    before, after = (_probabilities(model, texts, str(test.label)) for texts in (test.texts, test.others))
    cases = [
        Case(text, other, round(float(one), DIGITS), round(float(two), DIGITS), _moved(one, two, test))
        for text, other, one, two in zip(test.texts, test.others, before, after, strict=True)
    ]
    does = {UP: "may not make {label} less probable", DOWN: "may not make {label} more probable"}
    words = does.get(test.change, "may not move the probability of {label}").format(label=test.label)
    return BehaviourResult(test.kind, test.name, words, tuple(cases))


def _moved(before: float, after: float, test: WrittenTest) -> bool:
    gain = after - before
    if test.change == SAME:
        return bool(abs(gain) <= test.tolerance)
    return bool(gain >= -test.tolerance if test.change == UP else gain <= test.tolerance)


def _probabilities(model: Model, texts: Sequence[str], label: str) -> np.ndarray:
    found = []
    for start in range(0, len(texts), BATCH):
        answers = model.predict(list(texts[start : start + BATCH]))
        if not isinstance(answers, Answers | LabelSetAnswers):
            raise CallError(
                f"{model.name} gives no probabilities of labels, so none can move. Leave tests of direction out."
            )
        found.append(answers.probabilities[:, list(answers.labels).index(label)])
    return np.concatenate(found)


def _holds(answer: Any, label: str | None) -> bool:
    return label in answer if isinstance(answer, list) else answer == label
