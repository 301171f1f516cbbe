"""Which linear layers tensor parallelism divides, by architecture; needs no torch.

A layer of a transformer has two pairs of products: queries, keys and values, then the output of attention; the way into the
feed-forward network, then the way out. The first of each pair is divided by what it writes (by heads, in attention), the
second by what it reads, so that nothing is exchanged between them and each pair ends in one sum over the processes (Shoeybi
et al., "Megatron-LM", 2019, arXiv:1909.08053). All else is the same in every process.

An architecture is added by a row; `tests/training/test_tensor_parallel.py` compares a divided model of each with the whole
one. What has weights between the two products of a pair is not there: the norms of single heads in Qwen3 would learn in
each process from its own heads alone.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

Division = Literal["by output", "by input"]


@dataclass(frozen=True)
class DividedLayers:
    """The layers of an architecture that are divided, by the ends of their names.

    Parameters
    ----------
    by_output : tuple of str
        The first of each pair.
    by_input : tuple of str
        The second.
    """

    by_output: tuple[str, ...]
    by_input: tuple[str, ...]

    def division_of(self, name: str) -> Division | None:
        """How the layer of this name is divided; None where it is the same in every process."""
        if name.endswith(tuple(f".{end}" for end in self.by_output)):
            return "by output"
        return "by input" if name.endswith(tuple(f".{end}" for end in self.by_input)) else None


_BERT = DividedLayers(
    ("attention.self.query", "attention.self.key", "attention.self.value", "intermediate.dense"),
    ("output.dense",),  # Of attention, and of the layer.
)
_DISTILBERT = DividedLayers(
    ("attention.q_lin", "attention.k_lin", "attention.v_lin", "ffn.lin1"), ("attention.out_lin", "ffn.lin2")
)
_LLAMA = DividedLayers(
    ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "mlp.gate_proj", "mlp.up_proj"),
    ("self_attn.o_proj", "mlp.down_proj"),
)
DIVIDED: Mapping[str, DividedLayers] = {
    "bert": _BERT,
    "camembert": _BERT,
    "distilbert": _DISTILBERT,
    "electra": _BERT,
    "ernie": _BERT,
    "gemma": _LLAMA,
    "llama": _LLAMA,
    "mistral": _LLAMA,
    "qwen2": _LLAMA,
    "roberta": _BERT,
    "xlm-roberta": _BERT,
}
# What must come out even: what it counts, and the settings that it is called in.
_EVEN = {
    "attention heads": ("num_attention_heads", "n_heads"),
    "heads of keys and values": ("num_key_value_heads",),
    "units of its feed-forward network": ("intermediate_size", "hidden_dim"),
}


def division_faults(config: Mapping[str, Any], processes: int) -> list[str]:
    """Say why so many processes cannot divide a base's layers; nothing where they can.

    Parameters
    ----------
    config : mapping
        Of the base, as its `config.json` has it.
    """
    kind = config.get("model_type")
    if kind not in DIVIDED:
        return [
            f"which of its layers could be divided is not known of the architecture {kind}, only of "
            f"{', '.join(DIVIDED)}; use --parallel data or shards"
        ]
    counts = {
        what: next((config[key] for key in keys if config.get(key) is not None), None)
        for what, keys in _EVEN.items()
    }
    uneven = [f"{count:,} {what}" for what, count in counts.items() if count is not None and count % processes]
    if not uneven:
        return []
    fitting = _fitting(counts.values(), processes)
    if not fitting:
        return [f"it has {uneven[0]}, which {processes} processes cannot share equally; use --parallel shards"]
    return [
        f"it has {uneven[0]}, which {processes} processes cannot share equally; use --processes "
        f"{', '.join(fitting)}, or --parallel shards"
    ]


def _fitting(counts: Iterable[int | None], processes: int) -> list[str]:
    """Give the numbers of processes, up to twice as many, that share all counts equally."""
    known = [count for count in counts if count is not None]
    return [str(number) for number in range(2, 2 * processes + 1) if not any(count % number for count in known)]
