"""Prompts and answers of a causal model, several behind one another in one sequence without padding."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from metier.training.objectives.next_token import IGNORED
from metier.training.packed_attention import PACKED, rows_apart
from metier.training.packed_batch import PackedBatch
from metier.transformer.generation.generation_rows import GenerationRows

# How far the logits of rows that stand together may be from those of rows by themselves, relatively: float32 rounds so.
TOLERANCE = 1e-3
TRIED = ((5, 7, 11, 13, 8, 9), (6, 12, 10))  # Token ids that every vocabulary has.


@dataclass(frozen=True)
class PackedRows(GenerationRows):
    """Rows that become one sequence where they are read together; see `GenerationRows`."""

    @classmethod
    def of(cls, rows: GenerationRows) -> "PackedRows":
        """Give rows of a causal model so."""
        return cls(rows.ids, rows.truth, rows.pad_id, answers=rows.answers)

    def batch(self, positions: np.ndarray) -> Any:
        """The rows at these positions, behind one another."""
        ids = [self.ids[position] for position in positions]
        answers = [self.answers[position] for position in positions]
        # Each token is predicted from the one before it; the last one of a row predicts nothing.
        wanted = [
            [*[IGNORED] * (len(row) - len(answer) - 1), *answer, IGNORED]
            for row, answer in zip(ids, answers, strict=True)
        ]
        return PackedBatch.of(ids, wanted)


def can_pack(model: Any, longest: int) -> bool:
    """Whether rows behind one another get the logits that each gets by itself: not every architecture asks for it so.

    The model has packed attention afterwards if it can, and its own again if not.

    Parameters
    ----------
    longest : int
        Tokens of the longest row: in a window that slides, a token does not see all before it.
    """
    before = model.config._attn_implementation
    if (model.config.to_dict().get("sliding_window") or longest) < longest:
        return False
    with torch.inference_mode():
        alone = [model(input_ids=torch.tensor([row]), use_cache=False).logits[0] for row in TRIED]
        try:
            model.set_attn_implementation(PACKED)
            together = _together(model)
        except (RuntimeError, ValueError, TypeError):
            together = None
    expected = torch.cat(alone)
    if together is not None and (together - expected).abs().max() <= TOLERANCE * expected.abs().max():
        return True
    model.set_attn_implementation(before)
    return False


def _together(model: Any) -> torch.Tensor:
    batch = PackedBatch.of(TRIED, TRIED)
    with rows_apart(batch.bounds):
        found: torch.Tensor = model(
            input_ids=batch.input_ids, position_ids=batch.position_ids, use_cache=False
        ).logits[0]
    return found
