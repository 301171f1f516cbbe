"""Rows of prompts and answers as batches, and the model that is trained on them.

The loss counts the tokens of the answer alone: a model should learn to summarise, not to write abstracts.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from metier.training.batch import known_labels
from metier.training.batching import TokenBatch, TokenisedRows
from metier.training.objectives.next_token import IGNORED, mean_losses
from metier.training.packed_attention import rows_apart
from metier.training.packed_batch import PackedBatch
from metier.training.trained_part import TrainedPart


@dataclass(frozen=True)
class GenerationRows(TokenisedRows):
    """Prompts and answers as token ids.

    Parameters
    ----------
    ids : sequence of sequence of int
        Of a causal model prompt and answer in one, of an encoder-decoder the prompt.
    answers : sequence of sequence of int
        Token ids of the answers, the end mark included.
    is_encoder_decoder : bool
    """

    answers: Sequence[Sequence[int]] = ()
    is_encoder_decoder: bool = False

    @property
    def lengths(self) -> np.ndarray:
        """Tokens of each row; of an encoder-decoder those of both sides."""
        if not self.is_encoder_decoder:
            return super().lengths
        return super().lengths + np.fromiter(map(len, self.answers), dtype=np.int64, count=len(self.answers))

    def parted(self, most: int) -> tuple[list[list[int]], list[list[int]]]:
        """Give the prompts and the answers of some rows, evenly taken."""
        taken = np.linspace(0, len(self) - 1, min(most, len(self))).astype(int)
        answers = [list(self.answers[row]) for row in taken]
        if self.is_encoder_decoder:
            return [list(self.ids[row]) for row in taken], answers
        prompts = [
            list(self.ids[row][: len(self.ids[row]) - len(answer)])
            for row, answer in zip(taken, answers, strict=True)
        ]
        return prompts, answers

    def targets(self) -> Iterator[bytes]:
        """Give the answers, for a digest."""
        yield from (repr(list(answer)).encode() for answer in self.answers)

    def _labels(self, positions: np.ndarray, width: int) -> torch.Tensor:
        answers = [self.answers[position] for position in positions]
        if self.is_encoder_decoder:
            labels = torch.full((len(answers), max(map(len, answers))), IGNORED, dtype=torch.int64)
            ends = [len(answer) for answer in answers]
        else:
            labels = torch.full((len(answers), width), IGNORED, dtype=torch.int64)
            ends = [len(self.ids[position]) for position in positions]
        for row, (answer, end) in enumerate(zip(answers, ends, strict=True)):
            labels[row, end - len(answer) : end] = torch.tensor(answer, dtype=torch.int64)
        return labels


class Writer(TrainedPart):
    """A causal or an encoder-decoder model as the loop trains it.

    Parameters
    ----------
    language_model : Module
        From transformers or PEFT.
    is_encoder_decoder : bool
    """

    def __init__(self, language_model: Any, *, is_encoder_decoder: bool):
        super().__init__()
        self.language_model = language_model
        self.is_encoder_decoder = is_encoder_decoder

    def forward(self, batch: TokenBatch | PackedBatch) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Give what is predicted for the tokens of the answers.

        Returns
        -------
        logits : Tensor of shape (n_answer_tokens, n_tokens)
        wanted : Tensor of int64 of shape (n_answer_tokens,)
        rows : Tensor of int64 of shape (n_answer_tokens,)
            Which row each is of.
        """
        if isinstance(batch, PackedBatch):
            return self._packed(batch)
        labels = known_labels(batch)
        if self.is_encoder_decoder:
            wanted = labels
            shifted = self.language_model.prepare_decoder_input_ids_from_labels(labels=labels)
            inputs = {"decoder_input_ids": shifted}
        else:
            # Each token is predicted from the one before it; the last one predicts past the end.
            end = torch.full_like(labels[:, :1], IGNORED)
            wanted = torch.cat([labels[:, 1:], end], dim=1)
            inputs = {"use_cache": False}
        is_answer = wanted != IGNORED
        logits = self._logits(is_answer, input_ids=batch.input_ids, attention_mask=batch.mask, **inputs)
        return logits, wanted[is_answer], is_answer.nonzero()[:, 0]

    def _packed(self, batch: PackedBatch) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        is_answer = batch.labels != IGNORED
        with rows_apart(batch.bounds):
            logits = self._logits(
                is_answer, input_ids=batch.input_ids, position_ids=batch.position_ids, use_cache=False
            )
        return logits, batch.labels[is_answer], batch.rows[is_answer.cpu()]

    def _logits(self, is_answer: torch.Tensor, **inputs: Any) -> torch.Tensor:
        """The logits of the answers' tokens alone: prompts are most of a batch, and a vocabulary is wide."""
        head = self.language_model.get_output_embeddings()
        handle = head.register_forward_pre_hook(lambda _, given: (given[0][is_answer], *given[1:]))
        try:
            logits: torch.Tensor = self.language_model(**inputs).logits
        finally:
            handle.remove()
        return logits if logits.dim() == 2 else logits[is_answer]

    def losses(self, rows: GenerationRows, *, token_budget: int) -> np.ndarray:
        """Give the mean negative log-likelihood of the tokens of each answer, of shape (n_rows,)."""
        self.eval()
        found, device = np.zeros(len(rows)), next(self.parameters()).device
        for positions, batch in rows.in_order_of_length(token_budget):
            with torch.inference_mode():
                logits, wanted, row = self(batch.to(device))
            found[positions] = mean_losses(logits, wanted, row)
        return found
