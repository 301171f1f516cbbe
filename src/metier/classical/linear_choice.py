"""Which linear model, how much penalty and which temperature: chosen on rows that were not trained on."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from scipy.sparse import csr_matrix

from metier.classical.linear_model import MODELS, LinearModel, train_linear
from metier.classical.tfidf_rows import known_and_unseen
from metier.evaluation import accuracy, fit_temperature, log_loss, softmax
from metier.progress import Listener, Progress
from metier.tasks.examples import Examples

# In the order of how often each won in trials: where work is much, only the first are tried.
CANDIDATES = (("svc", 1.0), ("logistic", 10.0), ("svc", 0.3), ("svc", 3.0))
# Numbers in the matrix times classes, over all candidates: about twenty seconds on one core.
MOST_WORK = 300_000_000
UNFITTED_TEMPERATURE = 1.0  # Where no row can be held out: modest probabilities are the honest ones.


@dataclass(frozen=True)
class Split:
    """Vectors to train on and vectors to judge by; `truth` and `held_truth` number their labels."""

    matrix: csr_matrix
    truth: np.ndarray
    held_matrix: csr_matrix
    held_truth: np.ndarray


@dataclass(frozen=True)
class Trial:
    """How a model and a C did on the held-out rows of all splits together.

    Parameters
    ----------
    temperature : float
        Fitted on the same rows, unless it was given.
    log_loss : float
        Of the probabilities at that temperature.
    trained : LinearModel
        The model of the last split.
    """

    model: str
    C: float
    temperature: float
    accuracy: float
    log_loss: float
    trained: LinearModel

    @property
    def facts(self) -> dict[str, Any]:
        """What is worth keeping: all but the weights."""
        return {field.name: getattr(self, field.name) for field in fields(self) if field.name != "trained"}


def affordable_candidates(
    *, model: str | None, C: float | None, numbers: int, n_classes: int
) -> Sequence[tuple[str, float]]:
    """Give the pairs of model and C worth trying that agree with what is fixed, as many as `MOST_WORK` allows.

    The limit counts work, not seconds, so that the choice is the same on a busy machine; one pair is always
    given.

    Parameters
    ----------
    model, C : None where they are to be chosen
    numbers : int
        Numbers in the training matrix.
    """
    pairs = list(CANDIDATES) if C is None else [(each, C) for each in MODELS]
    fitting = [pair for pair in pairs if model in (None, pair[0])]
    work = max(1, numbers) * (1 if n_classes == 2 else n_classes)
    return fitting[: max(1, MOST_WORK // work)]


def choose(
    splits: Sequence[Split],
    candidates: Sequence[tuple[str, float]],
    *,
    temperature: float | None,
    seed: int,
    listener: Listener,
    name: str,
) -> list[Trial]:
    """Try the candidates and give what came of each, the best first: by accuracy, then by log-loss."""
    trials: list[Trial] = []
    for model, C in candidates:
        listener(
            Progress(f"{name}: trying {model}, C = {C:g}", len(trials), len(candidates), unit="candidates")
        )
        trials.append(_try(splits, model, C, temperature=temperature, seed=seed))
    trials.sort(key=lambda trial: (-trial.accuracy, trial.log_loss))
    facts = {"validation_accuracy": trials[0].accuracy}
    listener(Progress(f"{name}: chosen", len(trials), len(candidates), unit="candidates", facts=facts))
    return trials


def settle(
    trials: Sequence[Trial], candidates: Sequence[tuple[str, float]], temperature: float | None
) -> tuple[str, float, float]:
    """Give model, C and temperature: of the best trial, or where nothing was tried of the first candidate."""
    if trials:
        return trials[0].model, trials[0].C, trials[0].temperature
    return (*candidates[0], temperature or UNFITTED_TEMPERATURE)


def tfidf_splits(
    examples: Examples, folds: Iterable[tuple[np.ndarray, np.ndarray]], *, most_ngrams: int
) -> list[Split]:
    """Hold rows out, each time with a vocabulary that has not seen them: so it will be in service.

    Parameters
    ----------
    folds : iterable of two arrays of positions
        To train on, and to judge by.
    """
    splits = []
    for training, away in folds:
        known, unseen = examples.take(training), examples.take(away)
        both = known_and_unseen(
            known.texts, unseen.texts, most_ngrams=most_ngrams, n_classes=len(examples.classes)
        )
        splits.append(Split(both[0], known.truth, both[1], unseen.truth))
    return splits


def _try(splits: Sequence[Split], model: str, C: float, *, temperature: float | None, seed: int) -> Trial:
    margins = []
    for split in splits:
        trained = train_linear(split.matrix, split.truth, model=model, C=C, seed=seed)
        margins.append(trained.margins(split.held_matrix))
    pooled = np.concatenate(margins)
    truth = np.concatenate([split.held_truth for split in splits])
    fitted = temperature or fit_temperature(pooled, truth)
    return Trial(
        model=model,
        C=C,
        temperature=fitted,
        accuracy=accuracy(truth, pooled.argmax(axis=1)),
        log_loss=log_loss(softmax(pooled / fitted), truth),
        trained=trained,
    )
