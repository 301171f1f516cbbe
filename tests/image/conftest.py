import pytest

pytest.importorskip("PIL", reason="needs metier[image]")
