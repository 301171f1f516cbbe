"""Learned word vectors before the text (Lester et al., "The power of scale for parameter-efficient prompt tuning", 2021,
arXiv:2104.08691).

The layers read them with the text, and what they give at these places is dropped. The text keeps its own positions, so
that no text becomes too long by them.
"""

import inspect
from typing import Any

import torch

from metier.bases.adaptation.adaptation import Adaptation, Adapted, freeze, has_no_place, seeded
from metier.bases.adaptation.adapter import InPlace
from metier.bases.adaptation.initial_state import put_state, writes_on
from metier.bases.adaptation.inserted import Part, check_plain, put_in


class PromptVectors(Adaptation):
    """So many vectors; they start as those of words of the vocabulary.

    The paper's rate is 0.3, by another optimizer; thirty times ours, about 6e-3, is what prompts of small encoders are
    mostly trained with.
    """

    is_mergeable = False
    rate_factor = 30.0

    def apply(self, encoder: Any, *, random_state: int, n_steps: int) -> Adapted:
        """Put the vectors in; nothing else trains."""
        if writes_on(encoder):
            return put_state(encoder, self.name, random_state=random_state)
        if "inputs_embeds" not in inspect.signature(encoder.forward).parameters:
            raise has_no_place(self.name, encoder, "it accepts token ids only, not embeddings", "lora:8")
        check_plain(encoder, self.name)
        freeze(encoder)
        words = encoder.get_input_embeddings().weight
        with seeded(random_state):
            part = PromptPart(
                words[torch.randint(len(words), (self.size,))].detach().clone(), _first_position(encoder)
            )
        part.takes_positions = "position_ids" in inspect.signature(encoder.forward).parameters
        put_in(encoder, part, self.name)
        encoder.register_forward_pre_hook(part.put_before, with_kwargs=True)
        encoder.register_forward_hook(part.drop)
        return InPlace(encoder)


class PromptPart(Part):
    """The vectors, and how they get before a text.

    Parameters
    ----------
    vectors : Tensor of shape (n_vectors, embedding_size)
    first_position : int
        Number of a text's first position.
    """

    takes_positions: bool

    def __init__(self, vectors: torch.Tensor, first_position: int):
        super().__init__()
        self.vectors = torch.nn.Parameter(vectors)
        self.first_position = first_position

    def put_before(
        self, encoder: Any, given: tuple[Any, ...], named: dict[str, Any]
    ) -> tuple[Any, dict[str, Any]]:
        """A forward hook, before: word vectors instead of ids, the learned ones first."""
        ids, mask = named["input_ids"], named["attention_mask"]
        n_rows, n_tokens = ids.shape
        n_vectors = len(self.vectors)
        words = encoder.get_input_embeddings()(ids)
        before = self.vectors.to(words.dtype).unsqueeze(0).expand(n_rows, -1, -1)
        changed = dict(named, input_ids=None, inputs_embeds=torch.cat([before, words], dim=1))
        changed["attention_mask"] = torch.cat([torch.ones_like(mask[:, :1]).expand(-1, n_vectors), mask], dim=1)
        if named.get("token_type_ids") is not None:
            types = named["token_type_ids"]
            changed["token_type_ids"] = torch.cat([types[:, :1].expand(-1, n_vectors), types], dim=1)
        if self.takes_positions:
            own = torch.arange(n_tokens, device=ids.device) + self.first_position
            changed["position_ids"] = torch.cat([own[:1].expand(n_vectors), own]).unsqueeze(0)
        return given, changed

    def drop(self, encoder: Any, given: Any, output: Any) -> Any:
        """A forward hook, behind: the states of the text alone."""
        output.last_hidden_state = output.last_hidden_state[:, len(self.vectors) :]
        return output


def _first_position(encoder: Any) -> int:
    """Number of a text's first position: 0, or with RoBERTa and its kin the one behind that of padding."""
    for name, module in encoder.named_modules():
        if isinstance(module, torch.nn.Embedding) and "position" in name and module.padding_idx is not None:
            return int(module.padding_idx) + 1
    return 0
