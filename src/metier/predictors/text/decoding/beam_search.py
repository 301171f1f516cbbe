"""Beam search: several beginnings of an answer are followed side by side, and the likeliest whole one is given.

The rules are those of transformers' `generate` (release 5), so that an answer does not depend on which of the two wrote it:
of the continuations of all beams the likeliest twice as many as beams are looked at; those that end become whole answers if
they are among the first, with their log-probability divided by a power of their length; the others go on.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from metier.predictors.text.decoding.stepwise_model import StepwiseModel
from metier.predictors.text.decoding.token_choice import TokenScores

NONE = -1e9  # The score of an answer that is not there yet.


@dataclass(frozen=True)
class _Beam:
    """A beginning of an answer, or a whole one."""

    tokens: tuple[int, ...]
    score: float
    parent: int = 0  # The row of the state that it goes on from.


class BeamSearch:
    """Follows the beams of one prompt.

    Parameters
    ----------
    scores : TokenScores
    """

    def __init__(self, scores: TokenScores):
        self._scores = scores
        self._settings = scores.settings
        self._running = [_Beam((), 0.0)]
        self._ended: list[_Beam] = []
        self._can_improve = True

    @property
    def running(self) -> Sequence[_Beam]:
        """The beams that go on, the likeliest first."""
        return self._running

    @property
    def is_done(self) -> bool:
        """Whether nothing better is to be found, or nothing goes on."""
        full = self._settings.early_stopping and len(self._ended) == self._settings.beams
        return not self._running or not self._can_improve or full

    def step(self, logits: np.ndarray) -> None:
        """Take the next token of each beam.

        Parameters
        ----------
        logits : ndarray of shape (n_running, n_tokens)
        """
        length = len(self._running[0].tokens) + 1
        at_end = length == self._settings.max_new_tokens
        best = self._continuations(logits)
        ends = [at_end or beam.tokens[-1] in self._scores.end_ids for beam in best]
        beams = self._settings.beams
        whole = [beam for beam, ended in zip(best[:beams], ends[:beams], strict=True) if ended]
        self._running = [beam for beam, ended in zip(best, ends, strict=True) if not ended][:beams]
        penalty = length**self._settings.length_penalty
        found = self._ended + [_Beam(beam.tokens, beam.score / penalty) for beam in whole]
        self._ended = sorted(found, key=lambda beam: -beam.score)[:beams]
        self._judge(length)

    def answer(self) -> list[int]:
        """Give the tokens of the best answer, the end mark left out."""
        best = (self._ended or self._running)[0].tokens
        return [token for token in best if token not in self._scores.end_ids]

    def _continuations(self, logits: np.ndarray) -> list[_Beam]:
        """The likeliest continuations of all beams, the likeliest first; enough that as many as beams can go on."""
        rows = [
            self._scores.of(log_probabilities(row), beam.tokens) + beam.score
            for row, beam in zip(logits, self._running, strict=True)
        ]
        flat = np.concatenate(rows)
        most = min(max(2, 1 + len(self._scores.end_ids)) * self._settings.beams, len(flat))
        likeliest = np.argpartition(-flat, most - 1)[:most]
        likeliest = likeliest[np.argsort(-flat[likeliest], kind="stable")]
        n_tokens = logits.shape[1]
        return [
            _Beam(
                (*self._running[place // n_tokens].tokens, int(place % n_tokens)),
                float(flat[place]),
                int(place // n_tokens),
            )
            for place in likeliest
            if np.isfinite(flat[place])
        ]

    def _judge(self, length: int) -> None:
        """Whether a beam could still become better than the worst answer: judged by its length so far."""
        if not self._running:
            return
        possible = self._running[0].score / length**self._settings.length_penalty
        missing = len(self._ended) < self._settings.beams
        worst = NONE if missing else self._ended[-1].score
        self._can_improve = self._can_improve and possible > worst


def beam_answers(
    model: StepwiseModel, prompts: Sequence[Sequence[int]], scores: TokenScores
) -> list[list[int]]:
    """Give the tokens of the best answer to each prompt, the beams of all prompts side by side."""
    searches = [BeamSearch(scores) for _ in prompts]
    logits, state = model.start(prompts)
    begins = list(range(len(prompts)))  # Where in the state the beams of each search begin.
    while True:
        rows: list[int] = []
        tokens: list[int] = []
        for place, (search, begin) in enumerate(zip(searches, begins, strict=True)):
            if search.is_done:
                continue
            search.step(logits[begin : begin + len(search.running)])
            begins[place] = len(rows)
            if not search.is_done:
                rows += [begin + beam.parent for beam in search.running]
                tokens += [beam.tokens[-1] for beam in search.running]
        if not rows:
            return [search.answer() for search in searches]
        logits, state = _next(model, tokens, state, rows)


def _next(model: StepwiseModel, tokens: list[int], state: Any, rows: list[int]) -> tuple[np.ndarray, Any]:
    return model.advance(tokens, model.select(state, rows))


def log_probabilities(logits: np.ndarray) -> np.ndarray:
    """Give the logarithm of the softmax, of the same shape."""
    logits = logits.astype(np.float64)
    logits = logits - logits.max()
    found: np.ndarray = logits - np.log(np.exp(logits).sum())
    return found
