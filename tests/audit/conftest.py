from pathlib import Path

import pytest

from metier.data import read, read_alike

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture(scope="session")
def banking():
    return read(EXAMPLES / "banking77" / "train.csv")


@pytest.fixture(scope="session")
def banking_test(banking):
    return read_alike(EXAMPLES / "banking77" / "test.csv", banking)


@pytest.fixture(scope="session")
def titles():
    return read(EXAMPLES / "csl_category_zh" / "train.csv")
