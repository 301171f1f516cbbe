"""An encoder that sees two entities marked, and a head on the states at their marks."""

import inspect

import torch
from tokenizers import Tokenizer

from metier.bases.embedding import mean_pool
from metier.features.entity_marking import MARKS
from metier.training.batching import TokenBatch
from metier.training.heads.token_model import TokenModel

# Tokens that stood for marks in the paper: their vectors are where the new ones start.
STARTS = ("$", "$", "#", "#")


class MarkedClassifier(TokenModel):
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
        super().__init__(encoder)
        self.set_dropout(0.0)
        size = int(encoder.config.hidden_size)
        self.head = torch.nn.Sequential(
            torch.nn.Dropout(dropout),
            torch.nn.Linear(3 * size, size),
            torch.nn.Tanh(),
            torch.nn.Dropout(dropout),
            torch.nn.Linear(size, n_classes),
        )
        self.has_types = "token_type_ids" in inspect.signature(encoder.forward).parameters

    def forward(self, batch: TokenBatch) -> torch.Tensor:
        """Give logits of shape (n_texts, n_classes)."""
        ids, mask = batch.input_ids, batch.mask
        types = {"token_type_ids": torch.zeros_like(ids)} if self.has_types else {}
        hidden = self.encoder(input_ids=ids, attention_mask=mask, **types).last_hidden_state
        # The last of the vocabulary, also while a smaller one stands in for it in training.
        first_mark = self.encoder.get_input_embeddings().num_embeddings - len(MARKS)
        states = [_state_at(hidden, ids == first_mark + number) for number in (0, 2)]
        return self.head(torch.cat([*states, mean_pool(hidden, mask)], dim=1))


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
