"""Answers that a writer samples while it learns, each with its reward: the rows of reinforcement.

A batch is made when it is read: the model as it is then answers each prompt several times, a function gives each answer a
reward, and what leads away from the reference is taken off it: `kl_weight` times how much likelier the answer has become.
Sampling is most of the time; `spent` says how many tokens and seconds it took.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from metier.training.objectives.rewarded import RewardedBatch, leave_one_out
from metier.transformer.generation.answer_rules import answering_attention
from metier.transformer.generation.compared_rows import as_rows, likelihoods
from metier.transformer.generation.generation_examples import Encoding
from metier.transformer.generation.generation_rows import GenerationRows, Writer
from metier.transformer.generation.packed_rows import PackedRows

# From places of prompts and the texts that were sampled for each to rewards of shape (n_prompts, n_samples).
Rewards = Callable[[Sequence[int], Sequence[Sequence[str]]], np.ndarray]
REMEMBERED = 0.9  # Of a moving baseline, a step.


@dataclass
class Spent:
    """What sampling took, and what rewards it got.

    Attributes
    ----------
    rewards, drift : list of float
        Of each step the mean reward, and the mean of how much likelier answers have become, in nats.
    """

    tokens: int = 0
    answers: int = 0
    seconds: float = 0.0
    rewards: list[float] = field(default_factory=list)
    drift: list[float] = field(default_factory=list)


class SampledRows:
    """Prompts whose answers are sampled when they are read; a `training.batch.Rows`.

    Parameters
    ----------
    writer : Writer
    encoding : Encoding
    prompts : sequence of sequence of int
    rewards : callable
    reference : callable
        Gives a context in which the writer is what it was before it learned.
    samples : int
        Answers to each prompt.
    temperature, kl_weight : float
    is_packed, leaves_one_out : bool
        Whether rows stand behind one another; whether the other samples are the baseline, else a moving mean.
    """

    truth = None

    def __init__(
        self,
        writer: Writer,
        encoding: Encoding,
        prompts: Sequence[Sequence[int]],
        rewards: Rewards,
        reference: Callable[[], Any],
        *,
        samples: int,
        temperature: float,
        kl_weight: float,
        is_packed: bool,
        leaves_one_out: bool,
    ):
        self._writer, self._encoding, self._prompts = writer, encoding, prompts
        self._rewards, self._reference = rewards, reference
        self._samples, self._temperature, self._kl_weight = samples, temperature, kl_weight
        self._is_packed, self._leaves_one_out = is_packed, leaves_one_out
        self._baseline: float | None = None
        self.spent = Spent()

    def __len__(self) -> int:
        return len(self._prompts)

    @property
    def lengths(self) -> np.ndarray:
        """Most tokens of each prompt with all its answers."""
        most = self._encoding.max_new_tokens
        return np.array([self._samples * (len(prompt) + most) for prompt in self._prompts])

    def contents(self) -> Iterator[bytes]:
        """Give what the prompts are, for a digest."""
        yield from (np.asarray(prompt, dtype=np.int32).tobytes() for prompt in self._prompts)

    def sampled(self, positions: Sequence[int]) -> tuple[list[list[int]], np.ndarray]:
        """Give the tokens of answers to some prompts, those of one prompt behind one another, and their rewards."""
        began = time.perf_counter()
        prompts = [self._prompts[position] for position in positions for _ in range(self._samples)]
        ids = sample(self._writer, self._encoding, prompts, temperature=self._temperature)
        texts = [self._encoding.prompts.decode(one) for one in ids]
        self.spent.seconds += time.perf_counter() - began
        self.spent.tokens += sum(map(len, ids))
        self.spent.answers += len(ids)
        parted = [texts[start : start + self._samples] for start in range(0, len(texts), self._samples)]
        return ids, self._rewards(positions, parted)

    def batch(self, positions: np.ndarray) -> RewardedBatch:
        """Let the model answer the prompts at these positions, and give its answers with their advantages."""
        ids, rewards = self.sampled(positions.tolist())
        prompts = [self._prompts[position] for position in positions for _ in range(self._samples)]
        rows: GenerationRows = as_rows(self._encoding, prompts, ids)
        if self._is_packed:
            rows = PackedRows.of(rows)
        drift = self._drift(rows)
        self.spent.rewards.append(float(rewards.mean()))
        self.spent.drift.append(float(drift.mean()))
        advantages = self._advantages(rewards - self._kl_weight * drift.reshape(rewards.shape))
        counts = torch.from_numpy(advantages.reshape(-1).astype(np.float32))
        return RewardedBatch(rows.batch(np.arange(len(rows))), counts)

    def _drift(self, rows: GenerationRows) -> np.ndarray:
        """How much likelier each answer is than it was to the reference, in nats."""
        budget = int(rows.lengths.sum())
        now, _ = likelihoods(self._writer, rows, token_budget=budget)
        with self._reference():
            before, _ = likelihoods(self._writer, rows, token_budget=budget)
        return now - before

    def _advantages(self, rewards: np.ndarray) -> np.ndarray:
        if self._leaves_one_out:
            return leave_one_out(rewards)
        mean = float(rewards.mean())
        baseline = mean if self._baseline is None else self._baseline
        self._baseline = REMEMBERED * baseline + (1 - REMEMBERED) * mean
        return rewards - baseline


def sample(
    writer: Writer, encoding: Encoding, prompts: Sequence[Sequence[int]], *, temperature: float
) -> list[list[int]]:
    """Draw an answer to each prompt from a writer as it is; gives token ids, the end mark included where it came."""
    longest = max(map(len, prompts))
    ids = torch.full((len(prompts), longest), encoding.pad_id, dtype=torch.int64)
    mask = torch.zeros_like(ids)
    is_pair = encoding.base.is_encoder_decoder
    for row, prompt in enumerate(prompts):  # Prompts of a causal model are padded in front.
        where = slice(0, len(prompt)) if is_pair else slice(longest - len(prompt), None)
        ids[row, where] = torch.tensor(prompt, dtype=torch.int64)
        mask[row, where] = 1
    with writing(writer) as model, torch.inference_mode():
        given = model.generate(
            input_ids=ids.to(model.device),
            attention_mask=mask.to(model.device),
            do_sample=True,
            temperature=temperature,
            top_k=0,
            top_p=1.0,
            max_new_tokens=encoding.max_new_tokens,
            pad_token_id=encoding.pad_id,
            eos_token_id=encoding.end_id,
        )
    starts = 1 if is_pair else longest
    return [_until_end(row[starts:].tolist(), encoding.end_id) for row in given]


def _until_end(ids: list[int], end_id: int) -> list[int]:
    return ids[: ids.index(end_id) + 1] if end_id in ids else ids


@contextmanager
def writing(writer: Writer) -> Iterator[Any]:
    """Give the language model of a writer in the form that writes, and put it back afterwards."""
    model = writer.language_model
    attention, was_training = model.config._attn_implementation, writer.training
    writer.eval()
    model.set_attn_implementation(answering_attention(model))
    try:
        yield model
    finally:
        model.set_attn_implementation(attention)
        writer.train(was_training)
