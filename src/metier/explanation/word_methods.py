"""The ways of finding what words add, by name; each is one function of the text, a score of texts and a seed."""

import functools
import pkgutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Protocol

import numpy as np

from metier.errors import CallError, MissingExtraError, UnknownNameError
from metier.explanation.explanation import Weighed, Word
from metier.explanation.linear_contributions import linear_contributions
from metier.explanation.shapley import Ranking, Score, shapley_values
from metier.explanation.word_contributions import word_contributions, word_parts
from metier.predictors.linear.crf import CrfPredictor
from metier.predictors.linear.linear_predictor import LinearPredictor

LEAVE_ONE_OUT, SHAPLEY, LINEAR = "leave_one_out", "shapley", "linear"
METHODS = (LINEAR, LEAVE_ONE_OUT, SHAPLEY)  # Which need no more than answers, or the weights of a linear model.
GRADIENT_X_INPUT, INTEGRATED_GRADIENTS, ROLLOUT = (
    "gradient_x_input",
    "integrated_gradients",
    "attention_rollout",
)
BY_TORCH = (
    GRADIENT_X_INPUT,
    INTEGRATED_GRADIENTS,
    ROLLOUT,
)  # Which need a pass backward, or what lies between.
DRAWN = (SHAPLEY,)

GRAPH_EXPLAINER = "metier.explanation.gradients:GraphExplainer"
TORCH_SENTENCE = "This model has no graph of its own to follow back. Use the method shapley or leave_one_out."

# From a text and a score of texts to what each word adds.
WordMethod = Callable[[str, Score], Weighed]


class GraphWords(Protocol):
    """What weighs words by the graph of a model, with torch."""

    def weigh(self, method: str, text: str, column: int | None) -> Weighed:
        """Weigh the words of a text by one of `BY_TORCH`, for the label of a column."""
        ...


def graph_words(folder: Path | None) -> GraphWords:
    """Open the graph of a predictor's folder in torch.

    Raises
    ------
    CallError
        If the model has no graph that can be followed back.
    MissingExtraError
        If torch is not installed.
    """
    if folder is None:
        raise CallError(TORCH_SENTENCE)
    try:
        explainer = pkgutil.resolve_name(GRAPH_EXPLAINER)
    except ModuleNotFoundError as error:
        raise MissingExtraError("Gradients of a bundle", extra="train") from error
    opened: GraphWords = explainer.load(folder)
    return opened


def word_method(
    name: str | None, *, predictor: object, column: int | None, graph: GraphWords | None = None
) -> tuple[str, WordMethod]:
    """Give a method by its name; None: exact where the model is linear, else words are left out one at a time.

    Parameters
    ----------
    graph : GraphWords, optional
        Weighs words by the methods that need torch.

    Raises
    ------
    UnknownNameError
        If there is no method of that name.
    CallError
        If it does not suit the predictor.
    """
    if name is not None and name not in (*METHODS, *BY_TORCH):
        raise UnknownNameError("method", name, known=(*METHODS, *BY_TORCH))
    if name in BY_TORCH:
        if graph is None:
            raise CallError(TORCH_SENTENCE)
        return name, functools.partial(_by_graph, graph=graph, name=name, column=column)
    is_linear = isinstance(predictor, LinearPredictor) and column is not None
    if name == LINEAR and not is_linear:
        raise CallError(
            "This model is no linear one, so the parts of its answers have no exact sum. Use the method shapley or "
            "leave_one_out."
        )
    if name == SHAPLEY:
        return SHAPLEY, _sampled
    if name == LEAVE_ONE_OUT or not isinstance(predictor, LinearPredictor) or column is None:
        return LEAVE_ONE_OUT, _each_left_out
    return LINEAR, functools.partial(_exact, predictor=predictor, column=column)


def methods_of(predictor: object) -> tuple[str, ...]:
    """Give the names of the methods that suit a predictor, which None stands for where only its answers are known."""
    if isinstance(predictor, CrfPredictor):
        return (LINEAR,)
    return tuple(name for name in METHODS if name != LINEAR or isinstance(predictor, LinearPredictor))


def rankings_of(
    predictor: object, column: int | None, graph: GraphWords | None = None
) -> Mapping[str, Ranking]:
    """Give every method that suits a predictor, as `measure_faithfulness` takes it."""
    found: dict[str, Ranking] = {LEAVE_ONE_OUT: _left_out, SHAPLEY: _drawn}
    if isinstance(predictor, LinearPredictor) and column is not None:
        found[LINEAR] = functools.partial(_exact_ranking, predictor=predictor, column=column)
    if graph is not None:
        for name in BY_TORCH:
            found[name] = functools.partial(_graph_ranking, graph=graph, name=name, column=column)
    return found


def _sampled(text: str, score: Score) -> Weighed:
    values = shapley_values(text, score)
    return Weighed(
        tuple(replace(word, error=error) for word, error in zip(values.words, values.errors, strict=True))
    )


def _each_left_out(text: str, score: Score) -> Weighed:
    return Weighed(word_contributions(text, score))


def _exact(text: str, score: Score, *, predictor: LinearPredictor, column: int) -> Weighed:
    found = linear_contributions(predictor, text, column)
    return Weighed(word_contributions(text, score) if found is None else found[0])


def _by_graph(text: str, score: Score, *, graph: GraphWords, name: str, column: int | None) -> Weighed:
    return graph.weigh(name, text, column)


def _left_out(text: str, score: Score, seed: int) -> np.ndarray:
    return np.array([word.contribution for word in word_contributions(text, score)])


def _drawn(text: str, score: Score, seed: int) -> np.ndarray:
    return np.array([word.contribution for word in shapley_values(text, score, random_state=seed).words])


def _exact_ranking(
    text: str, score: Score, seed: int, *, predictor: LinearPredictor, column: int
) -> np.ndarray:
    """Give the parts of an exact sum, those of the words in a row of a long text together."""
    return _of_parts(text, _exact(text, score, predictor=predictor, column=column))


def _graph_ranking(
    text: str, score: Score, seed: int, *, graph: GraphWords, name: str, column: int | None
) -> np.ndarray:
    return _of_parts(text, graph.weigh(name, text, column))


def _of_parts(text: str, weighed: Weighed) -> np.ndarray:
    return np.array([word.contribution for word in in_parts(text, weighed.words)])


def in_parts(text: str, words: Sequence[Word]) -> tuple[Word, ...]:
    """Give contributions of the parts of a text that are taken out together, from those of its words."""
    return tuple(
        Word(start, end, sum(word.contribution for word in words if start <= word.start < end))
        for start, end in word_parts(text)
    )
