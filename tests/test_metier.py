import importlib
import subprocess
import sys

import pytest

import metier


def test_every_public_name_is_listed_and_found():
    assert set(metier.__all__) <= set(dir(metier))
    for name in metier.__all__:
        assert getattr(metier, name) is not None
    assert callable(metier.read)
    assert metier.load is importlib.import_module("metier.bundles").load_bundle


def test_an_unknown_name_lists_the_known_ones():
    with pytest.raises(AttributeError, match=r"no attribute 'lod'; it has: .*load"):
        metier.lod  # noqa: B018


def test_python_dash_m_is_the_command_line():
    shown = subprocess.run(
        [sys.executable, "-m", "metier", "--version"], capture_output=True, text=True, check=True
    )
    assert shown.stdout == f"metier {metier.__version__}\n"


def test_the_catalogue_is_read_without_scikit_learn():
    """Every command reads it, most of them without training anything."""
    code = "import sys; import metier.catalogue; print(sorted({'scipy', 'sklearn', 'torch', 'pandas'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout == "[]\n", done.stderr
