"""An encoder that sees two entities marked, and a head on the states at their marks."""

import inspect

import numpy as np
import torch
from tokenizers import Tokenizer

from metier.bases.embedding import mean_pool
from metier.features.entity_marking import MARKS
from metier.training.batching import TokenisedRows

# Answering holds no activations for a backward pass, so batches may be larger than in training.
ANSWERING_BUDGET = 4096
# Tokens that stood for marks in the paper: their vectors are where the new ones start.
STARTS = ("$", "$", "#", "#")


class MarkedClassifier(torch.nn.Module):
    """Logits of texts whose entities are marked, as R-BERT has them [1]_.

    The head sees the state at either opening mark and the mean of all states. The paper takes the mean of each
    entity's own states; at the mark is as good [2]_ and needs no places besides the ids.

    Parameters
    ----------
    encoder : PreTrainedModel
        Its last four word vectors are those of the marks; see `with_marks`.
    n_classes : int
    dropout : float
        Before either layer of the head, while training; the encoder's own is off, as in `Encoder`.

    References
    ----------
    .. [1] Wu and He, "Enriching pre-trained language model with entity information for relation classification",
       2019, arXiv:1905.08284.
    .. [2] Baldini Soares et al., "Matching the blanks: distributional similarity for relation learning", 2019,
       arXiv:1906.03158.
    """

    def __init__(self, encoder: torch.nn.Module, *, n_classes: int, dropout: float):
        super().__init__()
        self.encoder = encoder
        for module in encoder.modules():
            if isinstance(module, torch.nn.Dropout):
                module.p = 0.0
        size = int(encoder.config.hidden_size)
        self.head = torch.nn.Sequential(
            torch.nn.Dropout(dropout),
            torch.nn.Linear(3 * size, size),
            torch.nn.Tanh(),
            torch.nn.Dropout(dropout),
            torch.nn.Linear(size, n_classes),
        )
        self.has_types = "token_type_ids" in inspect.signature(encoder.forward).parameters

    @property
    def pad_id(self) -> int:
        """Token id of padding, as the encoder's configuration has it."""
        return int(self.encoder.config.pad_token_id or 0)

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        """Give logits of shape (n_texts, n_classes)."""
        types = {"token_type_ids": torch.zeros_like(input_ids)} if self.has_types else {}
        hidden = self.encoder(input_ids=input_ids, attention_mask=attention_mask, **types).last_hidden_state
        # The last of the vocabulary, also while a smaller one stands in for it in training.
        first_mark = self.encoder.get_input_embeddings().num_embeddings - len(MARKS)
        states = [_state_at(hidden, input_ids == first_mark + number) for number in (0, 2)]
        return self.head(torch.cat([*states, mean_pool(hidden, attention_mask)], dim=1))

    def logits(self, rows: TokenisedRows) -> np.ndarray:
        """Give the logits of rows without learning, an ndarray of float64 of shape (n_rows, n_classes)."""
        last = self.head[-1]
        answers = np.empty((len(rows), last.out_features), dtype=np.float64)
        was_training = self.training
        self.eval()
        with torch.inference_mode():
            for positions, batch in rows.in_order_of_length(ANSWERING_BUDGET):
                batch = batch.to(last.weight.device)
                answers[positions] = self(batch.input_ids, batch.mask).float().cpu().numpy()
        self.train(was_training)
        return answers


def _state_at(hidden: torch.Tensor, is_there: torch.Tensor) -> torch.Tensor:
    """Give the state where the mask is true, of shape (n_texts, hidden_size); a sum, since there is one."""
    return (hidden * is_there.unsqueeze(-1).to(hidden.dtype)).sum(1)


def with_marks(encoder: torch.nn.Module, tokenizer: Tokenizer) -> torch.nn.Module:
    """Give an encoder four more word vectors at the end of its vocabulary, in place.

    Parameters
    ----------
    tokenizer : Tokenizer
        The marks are its last tokens.
    """
    encoder.resize_token_embeddings(tokenizer.get_vocab_size(), mean_resizing=False)
    weight = encoder.get_input_embeddings().weight
    with torch.no_grad():
        mean = weight[: -len(MARKS)].mean(0)
        for number, token in enumerate(STARTS):
            known = tokenizer.token_to_id(token)
            weight[len(weight) - len(MARKS) + number] = mean if known is None else weight[known]
    return encoder
