"""A base comes by a plug-in: one entry in a folder on the path, and it goes with it."""

import shutil
import sys

import numpy as np
import pytest

from metier.bases import available_bases, resolve_base
from metier.bases.known_base import BASES, base_names, file_hash, known_base
from metier.bases.known_bases import is_for_reading, is_for_writing
from metier.errors import UnknownNameError, WrongHashError

ENTRY = """
from metier.bases.known_base import KnownBase

TINY = KnownBase(
    name="plugged-tiny",
    package="plugged-tiny==1.0",
    module="plugged_tiny",
    path="model/model.safetensors",
    sha256="{sha256}",
    prefix="{prefix}",
    languages=("eo",),
    max_length=64,
    summary="two layers, for a test",
)
"""


@pytest.fixture
def plug_in(tiny_base, tmp_path, monkeypatch):
    """A package with an entry point and the weights of the tiny base, as an installer leaves it."""
    package = tmp_path / "plugged_tiny"
    shutil.copytree(tiny_base, package / "model")
    sha256 = file_hash(package / "model" / "model.safetensors")
    (package / "__init__.py").write_text(ENTRY.format(sha256=sha256, prefix="read: "))
    information = tmp_path / "plugged_tiny-1.0.dist-info"
    information.mkdir()
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: plugged-tiny\nVersion: 1.0\n")
    (information / "entry_points.txt").write_text("[metier.bases]\nplugged-tiny = plugged_tiny:TINY\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    yield package
    sys.modules.pop("plugged_tiny", None)


def test_a_plug_in_adds_a_base_and_takes_it_away_again(plug_in, tiny_base, monkeypatch):
    from metier.bases.embedding import embed

    assert [base.name for base in available_bases()] == [*BASES, "plugged-tiny"]
    base = resolve_base("plugged-tiny")
    assert (base.name, base.prefix, base.languages, base.max_length) == ("plugged-tiny", "read: ", ("eo",), 64)
    assert (is_for_reading("plugged-tiny"), is_for_writing("plugged-tiny")) == (True, False)
    with_prefix = embed(resolve_base(str(tiny_base)), ["read: a card"], cache=False)
    np.testing.assert_allclose(embed(base, ["a card"], cache=False), with_prefix, atol=1e-6)
    monkeypatch.undo()
    assert base_names() == [*BASES]
    with pytest.raises(UnknownNameError):
        resolve_base("plugged-tiny")


def test_weights_of_a_plug_in_are_checked_too(plug_in):
    weights = plug_in / "model" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"\1")
    with pytest.raises(WrongHashError, match=r"plugged-tiny==1\.0"):
        resolve_base("plugged-tiny")


def test_every_row_names_its_own_entry():
    assert [known_base(name).name for name in BASES] == list(BASES)
    assert {base.use for base in available_bases()} == {"encoder", "writer", "image", "speech"}


def test_a_base_that_was_found_is_given_back(tiny_base):
    base = resolve_base(str(tiny_base))
    assert resolve_base(base, language="zh") is base
