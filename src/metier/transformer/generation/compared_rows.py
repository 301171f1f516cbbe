"""Answers to prompts as rows of a writer: pairs that are compared, answers that count differently, answers that it samples.

Each answer stands behind its prompt as a row by itself, so states of frozen layers are kept for them as for all rows.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from metier.bases.precision import mixed_precision
from metier.errors import DataError
from metier.tasks.inputs.conversation import CONVERSATION
from metier.tasks.preferences import Preferences
from metier.training.objectives.next_token import answer_log_likelihoods
from metier.training.objectives.preference import PairBatch
from metier.training.objectives.rewarded import RewardedBatch
from metier.transformer.generation.generation_examples import Encoding, encode_answer
from metier.transformer.generation.generation_rows import GenerationRows, Writer

# Of a few long prompts what fits is read; where more are long, what was preferred was not what the model sees.
MOST_SHORTENED = 0.25


def encoded(
    encoding: Encoding, given: Preferences, *, origin: str
) -> tuple[GenerationRows, Preferences, dict[str, int]]:
    """Give answers behind their prompts as tokens, those that are left, and what was left out or shortened.

    Raises
    ------
    DataError
        If more than a quarter of the prompts are longer than the context, or an answer does not fit behind its prompt.
    """
    built = [encoding.prompts.build(item) for item in given.items]
    kept = [place for place, prompts in enumerate(built) if len(prompts) == 1]
    long = [
        place
        for place, item in enumerate(given.items)
        if _tokens_of(encoding, item) > encoding.prompts.text_room
    ]
    n_long = len(np.unique(given.prompts[long]))
    if n_long > MOST_SHORTENED * given.n_prompts:
        raise DataError(
            f"{origin}: {n_long} of {given.n_prompts} prompts are longer than the {encoding.prompts.text_room} tokens that "
            f"this model reads, the first in row {given.rows[long[0]]}. Shorten the prompts, or take a model with a longer "
            "context."
        )
    if not kept:
        raise DataError(
            f"{origin}: all {len(given)} texts are longer than the context of {encoding.prompts.text_room} tokens, and "
            "texts to translate are not truncated. Split the rows into sentences."
        )
    prompts = [built[place][0] for place in kept]
    answers = [
        _answer(encoding, given.answers[place], prompt, int(given.rows[place]), origin)
        for place, prompt in zip(kept, prompts, strict=True)
    ]
    counts = {"answers_left_out": len(given) - len(kept), "prompts_shortened": n_long}
    return as_rows(encoding, prompts, answers), given.take(kept), counts


def as_rows(
    encoding: Encoding, prompts: Sequence[Sequence[int]], answers: Sequence[Sequence[int]]
) -> GenerationRows:
    """Give prompts and answers as rows, as `Encoding.rows` does."""
    is_pair = encoding.base.is_encoder_decoder
    ids = [
        list(prompt) if is_pair else [*prompt, *answer] for prompt, answer in zip(prompts, answers, strict=True)
    ]
    return GenerationRows(ids, None, encoding.pad_id, answers=answers, is_encoder_decoder=is_pair)


def _tokens_of(encoding: Encoding, item: Any) -> int:
    return sum(len(encoding.codec.encode(text)) for text in CONVERSATION.texts([item]))


def _answer(encoding: Encoding, text: str, prompt: Sequence[int], row: int, origin: str) -> list[int]:
    base = encoding.base
    answer = encode_answer(encoding.codec, encoding.prompts.settings, base, text, encoding.end_id)
    room = base.max_length - (0 if base.is_encoder_decoder else len(prompt))
    if len(answer) > room:
        raise DataError(
            f"{origin}: the answer in row {row} has {len(answer)} tokens, and behind its prompt there is room for {room}. "
            "Shorten it, or leave the row out."
        )
    return answer


def likelihoods(writer: Writer, rows: Any, *, token_budget: int) -> tuple[np.ndarray, np.ndarray]:
    """Give the log-likelihood of each answer and its tokens, both of shape (n_rows,); nothing is learned."""
    was_training = writer.training
    writer.eval()
    sums, lengths = np.zeros(len(rows)), np.zeros(len(rows))
    device = next(writer.parameters()).device
    halved = torch.autocast("cpu", dtype=torch.bfloat16, enabled=mixed_precision() == "bf16")
    for positions, batch in rows.in_order_of_length(token_budget):
        with torch.inference_mode(), halved:
            found, tokens = answer_log_likelihoods(writer, batch.to(device))
        sums[positions], lengths[positions] = found.cpu().numpy(), tokens.cpu().numpy()
    writer.train(was_training)
    return sums, lengths


@dataclass(frozen=True)
class PairRows:
    """Pairs of rows; a `training.batch.Rows`.

    Parameters
    ----------
    rows : GenerationRows
    pairs : ndarray of int of shape (n_pairs, 2)
        Places of the preferred row and of the other.
    reference : ndarray of shape (n_rows,)
        The log-likelihood of each row under the model as it was.
    """

    rows: Any
    pairs: np.ndarray
    reference: np.ndarray
    truth: None = None

    def __len__(self) -> int:
        return len(self.pairs)

    @property
    def lengths(self) -> np.ndarray:
        """Tokens of each pair."""
        found: np.ndarray = self.rows.lengths[self.pairs].sum(axis=1)
        return found

    def batch(self, positions: np.ndarray) -> PairBatch:
        """The pairs at these positions."""
        places = self.pairs[positions]
        reference = torch.from_numpy(self.reference[places].astype(np.float32))
        return PairBatch(self.rows.batch(places.reshape(-1)), reference)

    def contents(self) -> Iterator[bytes]:
        """Give what the pairs are, for a digest."""
        yield from self.rows.contents()
        yield self.pairs.tobytes()


@dataclass(frozen=True)
class WeightedRows:
    """Rows that count differently; a `training.batch.Rows`.

    Parameters
    ----------
    rows : GenerationRows
    weights : ndarray of shape (n_rows,)
    """

    rows: Any
    weights: np.ndarray
    truth: None = None

    def __len__(self) -> int:
        return len(self.weights)

    @property
    def lengths(self) -> np.ndarray:
        """Tokens of each row."""
        found: np.ndarray = self.rows.lengths
        return found

    def batch(self, positions: np.ndarray) -> RewardedBatch:
        """The rows at these positions."""
        return RewardedBatch(
            self.rows.batch(positions), torch.from_numpy(self.weights[positions].astype(np.float32))
        )

    def contents(self) -> Iterator[bytes]:
        """Give what the rows are, for a digest."""
        yield from self.rows.contents()
        yield self.weights.tobytes()
