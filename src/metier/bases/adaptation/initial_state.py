"""Prefix and prompt tuning of a causal model that writes: what it is taken to have read before every text.

Both leave keys and values of some places before the first token, in every layer. A prefix (Li and Liang, "Prefix-tuning",
2021, arXiv:2101.00190) learns them as they are; a prompt (Lester et al., "The power of scale for parameter-efficient prompt
tuning", 2021, arXiv:2104.08691) learns word vectors, which the frozen model reads. They are put into the cache that the
model keeps anyway, so training, transformers' `generate` and an exported graph all begin from one thing, and the positions
of the text begin behind them.

Both start as real words of the vocabulary. The prefix paper finds that better than chance, and so do without its network
over smaller vectors, which is for training alone.
"""

from typing import Any, Protocol, runtime_checkable

import torch
from transformers import DynamicCache, PreTrainedModel

from metier.bases.adaptation.adaptation import Adapted, freeze, has_no_place, seeded
from metier.bases.adaptation.adapter import InPlace
from metier.bases.adaptation.inserted import Part, check_plain, put_in
from metier.bases.adaptation.naming import AdaptationName

KeysAndValues = list[tuple[torch.Tensor, torch.Tensor]]


@runtime_checkable
class GivesState(Protocol):
    """A part that stands before every text."""

    n_vectors: int

    def state(self, model: Any) -> KeysAndValues:
        """Give keys and values of each layer, of shape (1, n_heads, n_vectors, head_size)."""
        ...


def writes_on(model: Any) -> bool:
    """Whether a model is a causal one that writes, and not the states of one."""
    return isinstance(model, PreTrainedModel) and model.can_generate() and not model.config.is_encoder_decoder


def put_state(model: Any, name: AdaptationName, *, random_state: int) -> Adapted:
    """Put a prefix or a prompt before every text of a causal model; nothing else trains.

    Raises
    ------
    SettingsError
        If the model keeps something else than keys and values of all it has read.
    """
    check_plain(model, name)
    freeze(model)
    assert name.size is not None
    with seeded(random_state):
        words = model.get_input_embeddings().weight
        chosen = torch.randint(len(words), (1, name.size), device=words.device)
    vectors = model.get_input_embeddings()(chosen).detach()
    try:
        found = _read(model, vectors)
    except (AttributeError, TypeError, ValueError) as error:
        raise _no_place(model, name) from error
    if not _is_whole(model, found, name.size):
        raise _no_place(model, name)
    part = PromptState(vectors[0].clone()) if name.kind == "prompt" else PrefixState(found)
    put_in(model, part, name)
    model.register_forward_pre_hook(_put_before, with_kwargs=True)
    return InPlace(model)


def state_in(model: Any) -> KeysAndValues | None:
    """Give what stands before every text of a model; None where nothing does."""
    part = next((part for part in model.children() if isinstance(part, GivesState)), None)
    return None if part is None else part.state(model)


class PrefixState(Part):
    """Keys and values themselves."""

    def __init__(self, found: KeysAndValues):
        super().__init__()
        self.n_vectors = found[0][0].shape[2]
        self.keys = torch.nn.ParameterList(key.detach().clone() for key, _ in found)
        self.values = torch.nn.ParameterList(value.detach().clone() for _, value in found)

    def state(self, model: Any) -> KeysAndValues:
        """Give them; see `GivesState`."""
        return list(zip(self.keys, self.values, strict=True))


class PromptState(Part):
    """Word vectors, of shape (n_vectors, embedding_size), that the model reads."""

    def __init__(self, vectors: torch.Tensor):
        super().__init__()
        self.n_vectors = len(vectors)
        self.vectors = torch.nn.Parameter(vectors)

    def state(self, model: Any) -> KeysAndValues:
        """Give what the model keeps of them; see `GivesState`."""
        return _read(model, self.vectors.unsqueeze(0))


def _read(model: Any, vectors: torch.Tensor) -> KeysAndValues:
    """Keys and values after word vectors of shape (1, n_vectors, size)."""
    was_training = model.training
    model.eval()  # Dropout would be in the state of every row alike.
    try:
        cache = DynamicCache(config=model.config)
        model.base_model(inputs_embeds=vectors, past_key_values=cache, use_cache=True)
    finally:
        model.train(was_training)
    return [(layer.keys, layer.values) for layer in cache.layers]


def _put_before(model: Any, given: tuple[Any, ...], named: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    """A forward hook, before: what was put before the text stands in the cache, and the text behind it."""
    part = next(part for part in model.children() if isinstance(part, GivesState))
    cache = named.get("past_key_values")
    if cache is None:
        cache = DynamicCache(config=model.config)
    changed = dict(named, past_key_values=cache)
    if cache.get_seq_length() == 0:
        n_rows = len(named["input_ids"])
        for layer, (keys, values) in enumerate(part.state(model)):
            cache.update(keys.expand(n_rows, -1, -1, -1), values.expand(n_rows, -1, -1, -1), layer)
    mask = named.get("attention_mask")
    if mask is not None:
        changed["attention_mask"] = torch.cat([mask.new_ones((len(mask), part.n_vectors)), mask], dim=1)
    if named.get("position_ids") is not None:
        changed["position_ids"] = named["position_ids"] + part.n_vectors
    return given, changed


def _is_whole(model: Any, found: KeysAndValues, n_vectors: int) -> bool:
    """Whether every layer keeps all places, so that a cache can begin with others."""
    config = model.config.to_dict()
    windows = set(config.get("layer_types") or ("full_attention",))
    return (
        len(found) == model.config.num_hidden_layers
        and windows == {"full_attention"}
        and not config.get("sliding_window")
        and all(keys.shape[:1] + keys.shape[2:3] == (1, n_vectors) for keys, _ in found)
    )


def _no_place(model: Any, name: AdaptationName) -> Exception:
    return has_no_place(name, model, "it does not keep keys and values of all it has read", "lora:8")
