"""An encoder that scores where an answer begins and ends: one module that trains and that becomes a graph."""

import inspect

import numpy as np
import torch

from metier.predictors.span_reading import FORBIDDEN, best_spans
from metier.training.batching import TokenBatch, TokenisedRows
from metier.training.heads.token_model import ANSWERING_BUDGET, TokenModel, TokensIn

# As BERT begins every weight that was not pretrained.
SPREAD = 0.02


class SpanScorer(TokenModel):
    """Two scores for each token of a question and a passage [1]_.

    Where the passage begins is read off the token ids: whatever stands last in a row is the mark behind a text, and
    the passage comes after the first of those. So the module needs no other input, in whatever vocabulary.

    Parameters
    ----------
    encoder : PreTrainedModel
    has_types : bool
        Whether the encoder was taught to tell the second text from the first by token types.
    random_state : int
        Of the head, which starts at random.

    References
    ----------
    .. [1] Devlin et al., "BERT: pre-training of deep bidirectional transformers", 2019, arXiv:1810.04805.
    """

    def __init__(self, encoder: torch.nn.Module, *, has_types: bool, random_state: int = 0):
        super().__init__(encoder)
        self.head = torch.nn.Linear(int(encoder.config.hidden_size), 2)  # type: ignore[union-attr, arg-type]
        with torch.no_grad():
            random = torch.Generator().manual_seed(random_state)
            self.head.weight.normal_(std=SPREAD, generator=random)
            self.head.bias.zero_()
        self.takes_types = "token_type_ids" in inspect.signature(encoder.forward).parameters
        n_types = encoder.config.to_dict().get("type_vocab_size", 0)  # type: ignore[union-attr, operator]
        self.has_types = has_types and self.takes_types and n_types > 1

    def forward(self, batch: TokenBatch) -> torch.Tensor:
        """Give scores of shape (n_windows, n_tokens, 2): of beginning and of ending the answer.

        Tokens that can do neither get `FORBIDDEN`; the first of a row stands for no answer.
        """
        input_ids, attention_mask = batch.input_ids, batch.mask
        order = attention_mask.cumsum(dim=1)
        separator = input_ids.gather(1, attention_mask.sum(dim=1, keepdim=True) - 1)
        is_separator = ((input_ids == separator) & (attention_mask > 0)).long()
        seen = is_separator.cumsum(dim=1)
        types = ((seen - is_separator) > 0).long()
        given = {"token_type_ids": types if self.has_types else torch.zeros_like(types)}
        hidden = self.encoder(
            input_ids=input_ids, attention_mask=attention_mask, **(given if self.takes_types else {})
        ).last_hidden_state
        scores = self.head(hidden)
        allowed = ((seen > 0) & (is_separator == 0) & (attention_mask > 0)) | (
            (order == 1) & (attention_mask > 0)
        )
        return torch.where(allowed.unsqueeze(-1), scores, torch.full_like(scores, FORBIDDEN))

    def to_export(self) -> TokensIn:
        """Give a module with the same weights that computes in their precision, whatever this one trained in."""
        module = SpanScorer(self.encoder, has_types=self.has_types)
        module.head = self.head
        return TokensIn(module)

    def scores(self, input_ids: np.ndarray, mask: np.ndarray) -> np.ndarray:
        """Give the scores of one batch without learning, an ndarray of float32."""
        device = self.head.weight.device
        was_training = self.training
        self.eval()
        with torch.inference_mode():
            found = self(TokenBatch(torch.from_numpy(input_ids), torch.from_numpy(mask)).to(device))
        self.train(was_training)
        return found.float().cpu().numpy()

    def judge(self, rows: TokenisedRows, *, longest: int) -> tuple[np.ndarray, np.ndarray]:
        """Give the loss of each window, and the F1 of its best span's tokens against the true one's, 0 to 1.

        A window that does not hold the answer counts 1 where "no answer" scores higher than every span.

        Parameters
        ----------
        longest : int
            Most tokens of a span.
        """
        assert rows.truth is not None
        losses, overlaps = np.empty(len(rows)), np.empty(len(rows))
        for positions, batch in rows.in_order_of_length(ANSWERING_BUDGET):
            scores = self.scores(batch.input_ids.numpy(), batch.mask.numpy())
            each = torch.nn.functional.cross_entropy(torch.from_numpy(scores), batch.labels, reduction="none")
            losses[positions] = each.mean(dim=1).numpy()
            spans = best_spans(scores, longest=longest)
            overlaps[positions] = [
                _overlap((first, last) if margin > 0 else (0, 0), truth)
                for (first, last, margin, _), truth in zip(spans, rows.truth[positions].tolist(), strict=True)
            ]
        return losses, overlaps


def _overlap(found: tuple[int, int], truth: tuple[int, int]) -> float:
    shared = min(found[1], truth[1]) - max(found[0], truth[0]) + 1
    return 2 * max(shared, 0) / (found[1] - found[0] + truth[1] - truth[0] + 2)
