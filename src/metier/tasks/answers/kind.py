"""What an answer kind and its decoder are."""

from collections.abc import Iterator, Mapping, Sequence
from types import ModuleType
from typing import Any, Protocol, Self, runtime_checkable

import numpy as np

from metier.tasks.answer_batches import AnswerBatch
from metier.tasks.examples import Examples
from metier.tasks.folds import held_out

Seed = int | np.random.RandomState


class AnswerKind(Protocol):
    """A form of answers; all that is particular to it stands in its file.

    Parameters
    ----------
    name : str
        As `ANSWERS` has it.
    losses : tuple of str
        Names of the losses that suit, the first being the default.
    terms : tuple of str
        Names of what can be put on these losses.
    ensembles : tuple of str
        Versioned names of the ensembles that suit.
    """

    @property
    def name(self) -> str:
        """Its name in the table."""
        ...

    @property
    def losses(self) -> tuple[str, ...]:
        """Names of the losses that suit, the default first."""
        ...

    @property
    def terms(self) -> tuple[str, ...]:
        """Names of what can be put on these losses."""
        ...

    @property
    def ensembles(self) -> tuple[str, ...]:
        """Names of the ensembles that suit."""
        ...

    def check(self, items: Sequence[Any], y: Any, *, known: Examples | None = None) -> Examples:
        """Check what items should be answered with.

        Parameters
        ----------
        items : sequence
            As their input kind read them.
        y : sequence
            One target an item.
        known : Examples, optional
            The training rows, when these are validation rows.
        """
        ...

    def folds(self, examples: Examples, *, random_state: Seed) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Give positions (kept, held out): one tenth held out, or each of five folds where rows are few."""
        ...

    def held_out(self, examples: Examples, *, random_state: Seed) -> tuple[Examples, Examples] | None:
        """Give examples to learn from and to choose on; None where nothing can be held out."""
        ...

    def is_correct(self, answers: AnswerBatch, examples: Examples) -> np.ndarray:
        """Say which rows are answered correctly, a bool ndarray of shape (n_rows,)."""
        ...


class Decoder(Protocol):
    """What makes answers of logits; numpy is all that it needs.

    Parameters
    ----------
    labels : tuple of str
        The label space; empty where answers are no labels.
    """

    @property
    def labels(self) -> tuple[str, ...]:
        """The label space; empty where answers are no labels."""
        ...

    @property
    def chosen(self) -> dict[str, Any]:
        """What validation chose, as arguments with which another fit needs none."""
        ...

    def answer(self, logits: Any, name: str) -> AnswerBatch:
        """Answer rows in the name of a method."""
        ...

    def settings(self) -> dict[str, Any]:
        """Give what `predictor.json` keeps."""
        ...

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> Self:
        """Read what `settings` gave."""
        ...


@runtime_checkable
class Decodable(AnswerKind, Protocol):
    """A kind whose answers are decoded from the logits of a head.

    Parameters
    ----------
    chooses : tuple of str
        Arguments of a method that validation chooses where they are None.
    """

    @property
    def chooses(self) -> tuple[str, ...]:
        """Arguments that validation chooses where they are None."""
        ...

    def n_logits(self, examples: Examples) -> int:
        """Give how many logits a head needs, a row or a token."""
        ...

    def training_targets(self, examples: Examples) -> Any:
        """Give what a loss compares logits with."""
        ...

    def decoder(self, examples: Examples, **given: Any) -> Decoder:
        """Give a decoder of what was chosen before; what is None or missing stays neutral."""
        ...

    def fit_decoder(self, logits: Any, examples: Examples, **given: Any) -> Decoder:
        """Choose on held-out rows what is not given, and give the decoder."""
        ...

    def read_decoder(self, settings: Mapping[str, Any]) -> Decoder:
        """Read a decoder from `predictor.json`."""
        ...

    def score(self, logits: Any, examples: Examples) -> dict[str, float]:
        """Give what epochs and settings are compared by.

        Returns
        -------
        dict
            `score` (more is better), `score_error` (its standard error), and figures for people.
        """
        ...


def fitting() -> ModuleType:
    """Give what is fitted with scipy and scikit-learn; loaded when a fit asks for it, since answering never does."""
    from metier.tasks.answers import fitting as loaded

    return loaded


def stratified_folds(strata: np.ndarray, *, random_state: Seed) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Give positions (kept, held out), every stratum in equal shares; see `tasks.folds.held_out`.

    Parameters
    ----------
    strata : ndarray of int of shape (n_rows,)
    """
    yield from held_out(strata, random=as_random(random_state))


def as_random(random_state: Seed) -> np.random.RandomState:
    """Give the generator of a seed; a generator is given back as it is."""
    if isinstance(random_state, np.random.RandomState):
        return random_state
    return np.random.RandomState(random_state)


def first_split(
    examples: Examples, folds: Iterator[tuple[np.ndarray, np.ndarray]]
) -> tuple[Examples, Examples] | None:
    """Give the examples of the first fold, kept and held out; None where there is no fold."""
    split = next(folds, None)
    return None if split is None else (examples.take(split[0]), examples.take(split[1]))


def mean_and_error(losses: np.ndarray) -> dict[str, float]:
    """Give the score of rows' losses, more being better, and its standard error."""
    return {"score": -float(losses.mean()), "score_error": float(losses.std() / np.sqrt(len(losses)))}
