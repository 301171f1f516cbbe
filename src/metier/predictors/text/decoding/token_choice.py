"""The next token of one answer: which tokens may come, and which of them is taken."""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence

import numpy as np

from metier.predictors.text.decoding.decoding_settings import DecodingSettings
from metier.predictors.text.decoding.stepwise_model import Constraint


class TokenScores:
    """Scores of the next token after what the settings forbid or make less likely. Safe to share between threads.

    Parameters
    ----------
    settings : DecodingSettings
    end_ids : collection of int
        Tokens that end an answer.
    constraint : Constraint, optional
        What may be written at all.
    """

    def __init__(
        self, settings: DecodingSettings, *, end_ids: Collection[int] = (), constraint: Constraint | None = None
    ):
        self.settings = settings
        self.end_ids = frozenset(end_ids)
        self._constraint = constraint

    @property
    def changes(self) -> bool:
        """Whether the scores are ever others than the logits."""
        settings = self.settings
        limits = (settings.repetition_penalty != 1, settings.no_repeat_ngram, settings.min_new_tokens)
        return self._constraint is not None or any(limits)

    def of(self, logits: np.ndarray, answer: Sequence[int]) -> np.ndarray:
        """Give the scores that a token is chosen by, minus infinity where it must not come.

        Parameters
        ----------
        logits : ndarray of shape (n_tokens,)
            Or log-probabilities.
        answer : sequence of int
            What has been written so far.
        """
        scores = logits.astype(np.float64)
        penalty = self.settings.repetition_penalty
        if penalty != 1 and answer:
            seen = np.unique(answer)
            scores[seen] = np.where(scores[seen] > 0, scores[seen] / penalty, scores[seen] * penalty)
        scores[list(forbidden(answer, self.settings.no_repeat_ngram))] = -np.inf
        if len(answer) < self.settings.min_new_tokens:
            scores[list(self.end_ids)] = -np.inf
        allowed = None if self._constraint is None else self._constraint.allowed(answer)
        if allowed is None:
            return scores
        kept = np.full_like(scores, -np.inf)
        places = np.fromiter(allowed, dtype=np.int64) if not isinstance(allowed, np.ndarray) else allowed
        kept[places] = scores[places]
        return kept


class NextToken:
    """Chooses the next token of one answer from the scores of all.

    Parameters
    ----------
    scores : TokenScores
    """

    def __init__(self, scores: TokenScores):
        self._scores = scores
        self._settings = scores.settings
        self._random = np.random.default_rng(self._settings.seed)

    def choose(self, logits: np.ndarray, answer: Sequence[int]) -> int:
        """Give a token id.

        Parameters
        ----------
        logits : ndarray of shape (n_tokens,)
        answer : sequence of int
            What has been written so far.
        """
        scores = self._scores.of(logits, answer)
        if self._settings.temperature == 0:
            return int(scores.argmax())
        return self._draw(scores / self._settings.temperature)

    def _draw(self, scores: np.ndarray) -> int:
        order = (-scores).argsort(kind="stable")
        if self._settings.top_k:
            order = order[: self._settings.top_k]
        probabilities = np.exp(scores[order] - scores[order[0]])
        probabilities /= probabilities.sum()
        # The token that passes the threshold still belongs to it.
        kept = int(np.searchsorted(probabilities.cumsum(), self._settings.top_p)) + 1
        if self._settings.min_p:
            kept = min(kept, int((probabilities >= self._settings.min_p * probabilities[0]).sum()))
        likeliest = probabilities[:kept] / probabilities[:kept].sum()
        return int(self._random.choice(order[:kept], p=likeliest))


def forbidden(answer: Sequence[int], length: int) -> set[int]:
    """Give the tokens that would repeat a run of so many tokens; none where `length` is 0."""
    if length == 0 or len(answer) < length - 1:
        return set()
    tail = tuple(answer[len(answer) - length + 1 :])
    return {
        answer[at + length - 1]
        for at in range(len(answer) - length + 1)
        if tuple(answer[at : at + length - 1]) == tail
    }


def readable(tokens: Iterable[int], decode: Callable[[Sequence[int]], str]) -> Iterator[str]:
    """Give a text piece by piece as its tokens come; joined, the pieces are the whole text.

    Half of a character waits for its other tokens. Where `decode` leaves the space around a text out, space waits for what
    comes after it.
    """
    ids: list[int] = []
    shown, now = "", ""
    for token in tokens:
        ids.append(token)
        now = decode(ids)
        if len(now) > len(shown) and not now.endswith("\ufffd"):
            yield now[len(shown) :]
            shown = now
    if len(now) > len(shown):  # It ended within a character.
        yield now[len(shown) :]
