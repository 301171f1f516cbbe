import shutil
from pathlib import Path

import pytest

from metier.serving.guards.key_file import create_key


@pytest.fixture
def key_path(tmp_path):
    return tmp_path / "keys.json"


@pytest.fixture
def new_key(key_path):
    """Make a key, and give what a caller sends."""

    def make(name="billing", scopes=("operator",), **more):
        return create_key(key_path, name, scopes, **more).key

    return make


@pytest.fixture
def copy_bundle(tmp_path):
    """Copy a sealed bundle, so that it may be changed."""

    def copy(name):
        return Path(
            shutil.copytree(Path(__file__).parents[2] / "bundles" / "sealed_71959d8" / name, tmp_path / name)
        )

    return copy
