"""Finds the answers to prompts, several side by side: a step reads all weights, which is most of its time, once for all."""

from collections.abc import Collection, Iterator, Sequence

import numpy as np

from metier.features.tokenization import batches_by_length
from metier.predictors.text.decoding.beam_search import beam_answers
from metier.predictors.text.decoding.decoding_settings import DecodingSettings
from metier.predictors.text.decoding.stepwise_model import Constraint, StepwiseModel
from metier.predictors.text.decoding.token_choice import NextToken, TokenScores

TOKEN_BUDGET = 4096  # Tokens of rows that are written side by side, what is to be written included.
MOST_ROWS = 16


class Search:
    """Greedy search, sampling or beam search over a model, by its settings. Safe to share between threads.

    Parameters
    ----------
    model : StepwiseModel
    settings : DecodingSettings
    end_ids : collection of int
        Tokens that end an answer.
    constraint : Constraint, optional
        What may be written at all.
    most_rows : int
        Rows that the model reads side by side at most.
    """

    def __init__(
        self,
        model: StepwiseModel,
        settings: DecodingSettings,
        *,
        end_ids: Collection[int],
        constraint: Constraint | None = None,
        most_rows: int = MOST_ROWS,
    ):
        self._model = model
        self._settings = settings
        self._scores = TokenScores(settings, end_ids=end_ids, constraint=constraint)
        self._most_rows = max(1, most_rows // settings.beams)

    def tokens(self, prompt: Sequence[int]) -> Iterator[int]:
        """Give the token ids of the answer as they are chosen, the end mark left out; of beams, once the best is known."""
        if self._settings.beams > 1:
            yield from self.answers([prompt])[0]
            return
        choice = NextToken(self._scores)
        answer: list[int] = []
        logits, state = self._model.start([prompt])
        while True:
            token = choice.choose(logits[0], answer)
            if token in self._scores.end_ids:
                return
            answer.append(token)
            yield token
            if len(answer) == self._settings.max_new_tokens:
                return
            logits, state = self._model.advance([token], state)

    def answers(self, prompts: Sequence[Sequence[int]]) -> list[list[int]]:
        """Give the token ids of the answers to several prompts, those of like length side by side."""
        found: list[list[int]] = [[] for _ in prompts]
        room = self._settings.max_new_tokens * self._settings.beams
        for some in batches([len(prompt) + room for prompt in prompts], most_rows=self._most_rows):
            asked = [prompts[position] for position in some]
            if self._settings.beams > 1:
                written = beam_answers(self._model, asked, self._scores)
            else:
                written = self._side_by_side(asked)
            for position, answer in zip(some, written, strict=True):
                found[position] = answer
        return found

    def _side_by_side(self, prompts: Sequence[Sequence[int]]) -> list[list[int]]:
        answers: list[list[int]] = [[] for _ in prompts]
        choices = [NextToken(self._scores) for _ in prompts]
        rows = list(range(len(prompts)))
        logits, state = self._model.start(prompts)
        while True:
            tokens = [
                choices[row].choose(scores, answers[row]) for row, scores in zip(rows, logits, strict=True)
            ]
            goes_on = [at for at, token in enumerate(tokens) if token not in self._scores.end_ids]
            for at in goes_on:
                answers[rows[at]].append(tokens[at])
            if not goes_on or len(answers[rows[goes_on[0]]]) == self._settings.max_new_tokens:
                return answers
            if len(goes_on) < len(rows):  # What is finished is not read on.
                state = self._model.select(state, goes_on)
            rows, tokens = [rows[at] for at in goes_on], [tokens[at] for at in goes_on]
            logits, state = self._model.advance(tokens, state)


def batches(lengths: Sequence[int], *, most_rows: int = MOST_ROWS) -> Iterator[np.ndarray]:
    """Give positions of rows of like length, as many as are read side by side."""
    for positions in batches_by_length(lengths, token_budget=TOKEN_BUDGET):
        for start in range(0, len(positions), most_rows):
            yield positions[start : start + most_rows]
