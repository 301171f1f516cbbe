"""Rows that teach something in a second."""

import pytest

from metier.bases.huggingface_folder import load_model
from metier.bases.known_bases import resolve_base

ADAPTATIONS = (
    "full",
    "head",
    "top:1",
    "lora:4",
    "adalora:2",
    "prefix:3",
    "prompt:3",
    "adapter:6",
    "bitfit",
    "ia3",
)
STAYING = ("prefix:3", "prompt:3", "adapter:6")


@pytest.fixture
def encoder(small_base):
    return load_model(resolve_base(str(small_base)))


@pytest.fixture(params=ADAPTATIONS)
def adaptation(request):
    return request.param


@pytest.fixture(scope="session")
def labelled(banking77):
    """Forty texts of two labels."""
    texts, labels = banking77("train")
    some = sorted(set(labels))[:2]
    rows = [(text, label) for text, label in zip(texts, labels, strict=True) if label in some]
    rows = rows[:20] + rows[-20:]
    return [text for text, _ in rows], [label for _, label in rows]
