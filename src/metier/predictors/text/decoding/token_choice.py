"""Decoding: how tokens are chosen from the probabilities of a generative model, and its settings."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from metier.errors import SettingsError


@dataclass(frozen=True)
class DecodingSettings:
    """How tokens are chosen; kept in the bundle.

    Parameters
    ----------
    max_new_tokens : int
        Where an answer ends at the latest.
    beams : int
        Answers that are followed side by side; 1 takes the likeliest token each time.
    temperature : float
        0 chooses the likeliest token; above, tokens are drawn, the more evenly the higher.
    top_p : float
        Drawn are only the likeliest tokens that together have this probability, above 0 to 1 (Holtzman et al., 2020).
    no_repeat_ngram : int
        No run of so many tokens is written twice; 0 allows it.
    seed : int
        Of the draws: the same text gets the same answer.
    """

    max_new_tokens: int
    beams: int = 1
    temperature: float = 0.0
    top_p: float = 1.0
    no_repeat_ngram: int = 0
    seed: int = 0

    def as_dict(self) -> dict[str, Any]:
        """Give them as JSON."""
        return asdict(self)

    def check(self, origin: str) -> None:
        """Refuse settings that cannot work, all at once.

        Raises
        ------
        SettingsError
            With a sentence for each fault.
        """
        faults = []
        for name, value in (("max_new_tokens", self.max_new_tokens), ("beams", self.beams)):
            if value < 1:
                faults.append(f"{name} is {value!r}, expected a whole number above 0")
        if not 0 <= self.temperature < float("inf"):
            faults.append(f"temperature is {self.temperature!r}, expected a number, 0 or more")
        if not 0 < self.top_p <= 1:
            faults.append(f"top_p is {self.top_p!r}, expected a number above 0 and up to 1")
        if self.no_repeat_ngram < 0:
            faults.append(f"no_repeat_ngram is {self.no_repeat_ngram!r}, expected 0 or a whole number above")
        if self.beams > 1 and self.temperature > 0:
            faults.append(
                f"beams is {self.beams} and temperature {self.temperature}: use beam search or sampling, not both"
            )
        if faults:
            raise SettingsError(faults, origin=origin)


def smallest_unrepeated(rows: Sequence[Sequence[int]], *, most_fraction: float = 0.01) -> int:
    """Give the shortest length, 3 to 12, of n-grams of which at most this share of texts repeats one; else 0.

    Small models loop where people hardly ever repeat themselves: so loops differ from an intended repetition, and
    from characters of several tokens each, as Chinese ones often are.
    """
    for length in range(3, 13):
        repeating = sum(_repeats(row, length) for row in rows)
        if repeating <= most_fraction * len(rows):
            return length
    return 0


def _repeats(row: Sequence[int], length: int) -> bool:
    grams = [tuple(row[at : at + length]) for at in range(len(row) - length + 1)]
    return len(set(grams)) < len(grams)


class NextToken:
    """Chooses the next token of one answer from the scores of all.

    Parameters
    ----------
    settings : DecodingSettings
    """

    def __init__(self, settings: DecodingSettings):
        self._settings = settings
        self._random = np.random.default_rng(settings.seed)

    def choose(self, logits: np.ndarray, answer: Sequence[int]) -> int:
        """Give a token id.

        Parameters
        ----------
        logits : ndarray of shape (n_tokens,)
        answer : sequence of int
            What has been written so far.
        """
        logits = logits.astype(np.float64)
        logits[list(forbidden(answer, self._settings.no_repeat_ngram))] = -np.inf
        if self._settings.temperature == 0:
            return int(logits.argmax())
        return self._draw(logits / self._settings.temperature)

    def _draw(self, logits: np.ndarray) -> int:
        order = (-logits).argsort(kind="stable")
        probabilities = np.exp(logits[order] - logits[order[0]])
        probabilities /= probabilities.sum()
        # The token that passes the threshold still belongs to it.
        kept = int(np.searchsorted(probabilities.cumsum(), self._settings.top_p)) + 1
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
    """Give a text piece by piece as its tokens come; joined, the pieces are the whole text without space around it.

    Half of a character waits for its other tokens, and space for what comes after it.
    """
    ids: list[int] = []
    shown, now = "", ""
    for token in tokens:
        ids.append(token)
        now = decode(ids).strip()
        if len(now) > len(shown) and not now.endswith("\ufffd"):
            yield now[len(shown) :]
            shown = now
    if len(now) > len(shown):  # It ended within a character.
        yield now[len(shown) :]
