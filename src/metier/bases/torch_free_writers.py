"""Which bases that write are answered without torch once they are tuned, by the type that their configuration names.

Torch is not needed to know. The tables in `export` say how each of these is written as a graph, and a test holds this list
to them.
"""

from pathlib import Path

from metier.bases.known_base import known_base
from metier.bases.known_bases import read_json

CAUSAL = ("gemma", "gemma2", "gemma3_text", "gpt2", "gpt_neox", "llama", "mistral", "opt", "qwen2", "qwen3")
ENCODER_DECODERS = ("bart", "m2m_100", "marian", "mbart", "mt5", "pegasus", "t5")


def torch_note(name: str) -> str | None:
    """Say that what is tuned from a base will need torch wherever it answers; None: it will not.

    Parameters
    ----------
    name : str
        Of the base; of a folder its `config.json` is read, and nothing is loaded or fetched.
    """
    kind = None if known_base(name) else read_json(Path(name) / "config.json").get("model_type")
    if kind is None or kind in CAUSAL or kind in ENCODER_DECODERS:
        return None
    return (
        f"the base {name} is of type {kind}: what is tuned from it answers with torch (metier[train]); "
        f"without torch answer {', '.join((*CAUSAL, *ENCODER_DECODERS))} (--base)"
    )
