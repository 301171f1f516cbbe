from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture(autouse=True)
def fresh_cache(tmp_path_factory, monkeypatch):
    """No test reads or fills the user's cache."""
    folder = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("METIER_CACHE", str(folder))
    return folder


@pytest.fixture
def examples():
    return EXAMPLES


@pytest.fixture
def banking():
    return EXAMPLES / "banking77"


@pytest.fixture
def titles():
    return EXAMPLES / "csl_category_zh"
