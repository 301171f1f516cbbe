"""`--adaptation` reaches every method that stands on a base, and is refused before any work."""

import pytest

from metier.data import read
from metier.errors import SettingsError
from metier.selection.decisions import decide
from metier.selection.settings import check_settings


@pytest.fixture
def rows(tmp_path):
    file = tmp_path / "rows.csv"
    file.write_text("text,label\n" + "\n".join(f"the card number {n},{n % 2}" for n in range(20)) + "\n")
    return read(file)


def test_says_before_any_work_that_the_base_has_no_room(rows, small_base):
    settings = check_settings({"adaptation": "top:7", "base": str(small_base)})
    with pytest.raises(SettingsError, match=r"has 2 layers\. Take 'top:2'"):
        decide(rows, settings)
    decide(rows, check_settings({"adaptation": "top:2", "base": str(small_base)}))


def test_says_before_any_work_that_a_method_cannot_be_adapted_so():
    """It was refused after the plan, and the cure that was offered was more time."""
    rows = read([{"text": f"Question {n}? It is long.", "target": f"Answer {n}."} for n in range(12)])
    settings = check_settings({"task": "generation", "adaptation": "head", "candidates": ["lead", "generator"]})
    with pytest.raises(SettingsError, match=r"generator\.v1: .*head") as caught:
        decide(rows, settings)
    assert "--budget" not in str(caught.value)
    # A method that stands on no base does not care.
    decide(rows, check_settings({"task": "generation", "adaptation": "prefix:16", "candidates": ["lead"]}))
