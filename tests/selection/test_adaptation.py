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


def test_says_before_any_work_that_the_base_has_no_room(rows, tiny_base):
    settings = check_settings({"adaptation": "top:7", "base": str(tiny_base)})
    with pytest.raises(SettingsError, match=r"has 2 layers\. Take 'top:2'"):
        decide(rows, settings)
    decide(rows, check_settings({"adaptation": "top:2", "base": str(tiny_base)}))
