"""A Whisper [1]_ as the loop trains it: what is heard is encoded as far as it goes, and answered token by token.

References
----------
.. [1] Radford et al., "Robust speech recognition via large-scale weak supervision", 2022, arXiv:2212.04356.
"""

from typing import Any

import numpy as np
import torch

from metier.bases.adaptation import parse_adaptation
from metier.bases.adaptation.adaptation import Adapted, disable_dropout, freeze, load_adaptation
from metier.multimodal.speech_rows import SpeechBatch, SpeechRows
from metier.training.batch import known_labels
from metier.training.objectives.next_token import IGNORED, mean_losses
from metier.training.trained_part import TrainedPart


class SpeechModel(TrainedPart):
    """A model that hears, ready to train.

    Parameters
    ----------
    whisper : WhisperForConditionalGeneration
    """

    def __init__(self, whisper: Any):
        super().__init__()
        self.whisper = whisper
        disable_dropout(whisper)

    def forward(self, batch: SpeechBatch) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Give what is predicted for the tokens of the transcripts.

        Returns
        -------
        logits : Tensor of shape (n_all_tokens, n_tokens)
        wanted : Tensor of int64 of shape (n_all_tokens,)
        rows : Tensor of int64 of shape (n_all_tokens,)
            Which row each is of.
        """
        labels = known_labels(batch)
        is_token = labels != IGNORED
        states = self.whisper.model.decoder(
            input_ids=batch.written, encoder_hidden_states=self.encode(batch.features), use_cache=False
        ).last_hidden_state
        # A vocabulary is wide: only what is learned gets logits.
        return self.whisper.proj_out(states[is_token]), labels[is_token], is_token.nonzero()[:, 0]

    def encode(self, features: torch.Tensor) -> torch.Tensor:
        """Give the states of features of any length up to 30 s, of shape (n_rows, n_positions, size).

        The same as the encoder's own `forward`, which takes 30 s of features and nothing shorter.
        """
        encoder = self.whisper.model.encoder
        states = torch.nn.functional.gelu(encoder.conv1(features))
        states = torch.nn.functional.gelu(encoder.conv2(states)).transpose(1, 2)
        states = states + encoder.embed_positions.weight[: states.shape[1]]
        for layer in encoder.layers:
            states = layer(states, None)
        return torch.as_tensor(encoder.layer_norm(states))

    def losses(self, rows: SpeechRows, *, token_budget: int) -> np.ndarray:
        """Give the mean negative log-likelihood of the tokens of each transcript, of shape (n_rows,)."""
        self.eval()
        found = np.zeros(len(rows))
        for positions, batch in rows.in_order_of_length(token_budget):
            with torch.inference_mode():
                found[positions] = mean_losses(*self(batch))
        return found


def adapted_model(
    model: SpeechModel, adaptation: str, part: str, *, random_state: int, n_steps: int
) -> Adapted:
    """Put an adaptation into a model, or into its decoder alone; nothing else of it trains.

    Parameters
    ----------
    part : {"all", "decoder"}
    n_steps : int
        Steps of the optimizer that are planned.
    """
    freeze(model)
    adapted = model.whisper.model.decoder if part == "decoder" else model.whisper
    way = load_adaptation(parse_adaptation(adaptation))
    return way.apply(adapted, random_state=random_state, n_steps=n_steps)
