"""From training rows to questions, and what validation rows say of the replies: shared by all that ask a model."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np

from metier import evaluation
from metier.errors import SettingsError
from metier.predictors.text.example_choice import ExamplePool
from metier.predictors.text.questions import AskedReply, Questions, QuestionSettings
from metier.tasks.answers import ANSWERS, GRADE, LABEL, SCORE, AnswerKind
from metier.tasks.answers.asking import About, Trust
from metier.tasks.examples import Examples
from metier.tasks.inputs import INPUTS, TEXT, InputKind
from metier.tasks.task_table import TASKS as TABLE
from metier.tasks.task_table import known_task
from metier.text.language import detect_language

# What a model can be asked about: all tasks whose answers say how.
TASKS = tuple(name for name, row in TABLE.items() if ANSWERS[row.answer].asking is not None)
USUAL_EXAMPLES = 4  # Of tasks whose labels do not say by themselves what is wanted.
MOST_EXAMPLES = 2_000  # Rows that examples are chosen from, and that a bundle keeps.
PER_MILLION = 1_000_000
ROWS_OF_A_COST = 1_000


class AskingOptions(Protocol):
    """What a method that asks is set to, as far as questions need it."""

    task: str
    order: Any
    descriptions: Mapping[str, str] | None
    n_examples: int | None
    most_prompt_tokens: int
    mask_personal_data: bool
    kind: str | None


@dataclass(frozen=True)
class AskedTask:
    """The kinds of a task.

    Parameters
    ----------
    name : str
    input : InputKind
    answer : AnswerKind
    """

    name: str
    input: InputKind
    answer: AnswerKind

    @classmethod
    def of(cls, name: str) -> "AskedTask":
        """Give the kinds of a task; raises `SettingsError` where a model cannot be asked about it."""
        if name not in TASKS:
            raise SettingsError([f"task is {name!r}, expected one of {', '.join(TASKS)}"])
        row = known_task(name)
        return cls(name, INPUTS[row.asks], ANSWERS[row.answer])

    def check(self, X: Any, y: Any, *, order: Any = None, known: Examples | None = None) -> Examples:
        """Give the rows, checked."""
        items = self.input.read(X)
        if self.answer is GRADE:
            return GRADE.check(items, y, known=known, order=order)
        return self.answer.check(items, y, known=known)

    def n_examples(self, asked_for: int | None) -> int:
        """Give how many examples a prompt has: as many as are asked for, or as the task usually needs."""
        if asked_for is not None:
            return asked_for
        return 0 if self.has_named_answers else USUAL_EXAMPLES

    @property
    def has_named_answers(self) -> bool:
        """Whether one label answers a text: its name says what is wanted."""
        return self.answer is LABEL and self.input is TEXT


def build_questions(
    task: AskedTask, examples: Examples, y: Sequence[Any], options: AskingOptions
) -> tuple[Questions, dict[str, Any]]:
    """Give the questions of a task with the rows that examples are chosen from, and facts for the report.

    Raises
    ------
    SettingsError
        If no training row fits into a prompt as an example.
    """
    language = "zh" if detect_language(task.input.texts(examples.items)).main_language == "zh" else "en"
    truth = np.asarray(examples.truth, dtype=np.float64) if task.answer is SCORE else None
    about = About(
        examples.label_names,
        dict(options.descriptions or {}),
        language,
        options.kind or "",
        None if truth is None else float(truth.min()),
        None if truth is None else float(truth.max()),
    )
    n_examples = task.n_examples(options.n_examples)
    settings = QuestionSettings(
        task.input.name,
        task.answer.name,
        about,
        n_examples,
        options.most_prompt_tokens,
        options.mask_personal_data,
    )
    questions = Questions(settings)
    if n_examples == 0:
        return questions, {}
    rows = [questions.example(item, target) for item, target in zip(examples.items, y, strict=True)]
    fitting = [row for row in rows if questions.fits(row)]
    if not fitting:
        shortest = min(row.tokens for row in rows)
        raise SettingsError(
            [
                f"n_examples is {n_examples}, but no training row fits beside a question into most_prompt_tokens = "
                f"{options.most_prompt_tokens}: the shortest takes about {shortest} tokens. Raise it as far as the model's "
                "context goes, or set n_examples = 0"
            ]
        )
    facts = {"examples_too_long": len(rows) - len(fitting)}
    return Questions(settings, ExamplePool(fitting[:MOST_EXAMPLES])), facts


def neutral_trust(task: AskedTask, examples: Examples) -> Trust:
    """Give what is answered where a model gave no answer."""
    if task.answer is SCORE:
        truth = np.asarray(examples.truth, dtype=np.float64)
        return Trust(usual=float(truth.mean()), half_width=float(np.ptp(truth)))
    if task.answer.is_one_label:
        shares = np.bincount(examples.truth, minlength=len(examples.labels)) / len(examples)
        return Trust(shares=tuple(shares.tolist()))
    return Trust()


def fit_trust(
    questions: Questions,
    items: Sequence[Any],
    targets: Sequence[Any],
    replies: Sequence[AskedReply],
    neutral: Trust,
    *,
    coverage: float = 0.9,
) -> Trust:
    """Learn from validation rows how often replies are right, or how far numbers are off.

    Parameters
    ----------
    targets : sequence
        As the rows have them.
    """
    answered = [
        (each.parsed.value, target, item)
        for each, target, item in zip(replies, targets, items, strict=True)
        if each.parsed is not None
    ]
    if questions.settings.answer == SCORE.name:
        if not answered:
            return neutral
        errors = np.array([float(target) - value for value, target, _ in answered])
        width = evaluation.half_width(errors, coverage=coverage)
        return replace(
            neutral, half_width=float(width), coverage=evaluation.held_coverage(len(errors), coverage)
        )
    judged = [questions.asking.judged(*one, questions.about) for one in answered]
    right, of = (sum(column) for column in zip(*judged, strict=True)) if judged else (0, 0)
    # As if one more had been right and one wrong: no model is always right.
    return replace(neutral, right_fraction=(right + 1) / (of + 2))


def account(
    replies: Sequence[AskedReply], *, price_in: float | None, price_out: float | None
) -> dict[str, Any]:
    """Give what asking took: tokens of a row, of which examples are about how many, and the cost of a thousand rows."""
    counts = [(each.prompt_tokens, each.reply_tokens, each.n_examples, each.example_tokens) for each in replies]
    prompt, reply, shown, of_examples = np.mean(counts, axis=0).tolist()
    cost = None
    if price_in is not None or price_out is not None:
        per_row = (prompt * (price_in or 0) + reply * (price_out or 0)) / PER_MILLION
        cost = per_row * ROWS_OF_A_COST
    return {
        "asked": len(replies),
        "without_an_answer": sum(each.parsed is None for each in replies),
        "parts_dropped": sum(each.parsed.dropped for each in replies if each.parsed is not None),
        "examples_per_row": shown,
        "example_tokens_per_row": of_examples,
        "prompt_tokens_per_row": prompt,
        "reply_tokens_per_row": reply,
        "cost_per_1000_rows": cost,
    }
