"""The house keeps its plan: imports point up, rooms show what they say, importing is light."""

import ast
import importlib
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

import metier
from metier.catalogue import METHODS, RUN_ENSEMBLES
from metier.predictors.loading import KINDS

ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT / "src" / "metier"
ROOMS = sorted(
    ".".join(("metier", *path.parent.relative_to(SOURCE).parts))
    for path in SOURCE.glob("*/**/__init__.py")
    if "cli" not in path.parts
)
LIGHT = (
    "text",
    "image",
    "data",
    "tasks",
    "features",
    "evaluation",
    "audit",
    "report",
    "predictors",
    "bundles",
    "dialogue",
    "video",
    "serving",
    "classical",
)
HEAVY = ("torch", "transformers", "datasets", "accelerate", "peft", "model2vec")


def in_a_fresh_process(code):
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False
    )


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_shows_what_its_all_says(room):
    module = importlib.import_module(room)
    own = {
        name
        for name, value in vars(module).items()
        if not name.startswith("_")
        and getattr(value, "__module__", "").startswith("metier")
        and not getattr(value, "__module__", "").startswith("metier.errors")  # Raised here, shown there.
        and not hasattr(value, "__path__")
    }
    declared = set(getattr(module, "__all__", ()))
    assert own <= declared
    assert all(hasattr(module, name) for name in declared)


@pytest.mark.parametrize("dotted", [*METHODS.values(), *KINDS.values()])
def test_every_dotted_path_of_a_table_leads_somewhere(dotted):
    module, _, name = dotted.partition(":")
    assert hasattr(importlib.import_module(module), name)


def test_imports_point_up_the_list():
    found = subprocess.run(
        [str(Path(sys.executable).with_name("lint-imports"))],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )
    assert found.returncode == 0, found.stdout


def versioned_names(path):
    """Every string of a module, docstrings left out, that is the name of a method."""
    tree = ast.parse(path.read_text("utf-8"))
    described = (ast.Module, ast.ClassDef, ast.FunctionDef)
    docstrings = {
        ast.get_docstring(node, clean=False) for node in ast.walk(tree) if isinstance(node, described)
    }
    own = {  # A method that lives in a room may state its own name.
        node.value.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
        and node.targets[0].id == "name" and isinstance(node.value, ast.Constant)
    }  # fmt: skip
    texts = {
        node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    known = {name for text in texts - docstrings for name in re.findall(r"\b[a-z0-9_]+\.v\d+\b", text)}
    return (known & {*METHODS, *RUN_ENSEMBLES}) - own


@pytest.mark.parametrize("room", ["selection", "report", "runs", "cli"])
def test_what_compares_methods_names_none(room):
    files = (ROOT / "src" / "metier" / room).rglob("*.py")
    assert {str(path): found for path in files if (found := versioned_names(path))} == {}


def test_importing_metier_is_light():
    found = in_a_fresh_process(
        "import sys, metier\nheavy = {'torch', 'transformers', 'sklearn', 'pyarrow', 'onnxruntime'} & set(sys.modules)\n"
        "print(sorted(heavy))"
    )
    assert found.stdout.strip() == "[]", found.stderr


@pytest.fixture(scope="module")
def loaded_by_light_rooms():
    """What is loaded that should not be, by module; one process loads every module of the light rooms in turn."""
    found = in_a_fresh_process(
        "import importlib, json, pkgutil, sys\n"
        "loaded = {}\n"
        "def load(name):\n"
        "    before = set(sys.modules)\n"
        "    module = importlib.import_module(name)\n"
        f"    loaded[name] = sorted(({set(HEAVY)!r} & set(sys.modules)) - before)\n"
        "    for one in pkgutil.iter_modules(getattr(module, '__path__', ())):\n"
        "        load(f'{name}.{one.name}')\n"
        f"for room in {LIGHT!r}:\n"
        "    load(f'metier.{room}')\n"
        "print(json.dumps(loaded))"
    )
    assert found.returncode == 0, found.stderr
    return json.loads(found.stdout)


@pytest.mark.parametrize("room", LIGHT)
def test_a_light_room_never_loads_torch(room, loaded_by_light_rooms):
    inside = {
        name: heavy
        for name, heavy in loaded_by_light_rooms.items()
        if name == f"metier.{room}" or name.startswith(f"metier.{room}.")
    }
    files = [path for path in (SOURCE / room).rglob("*.py") if "__pycache__" not in path.parts]
    assert len(inside) == len(files)  # Those of the folders in the room too.
    assert {name: heavy for name, heavy in inside.items() if heavy} == {}


# Folders of tests about more than one room.
ACROSS = {"docs", "extending", "roster", "proofs", "benchmarks"}


def test_tests_lie_in_the_rooms_that_they_are_about():
    tests = ROOT / "tests"
    folders = {path.parent.relative_to(tests) for path in tests.rglob("test_*.py")}
    lost = [folder for folder in folders if folder.parts and folder.parts[0] not in ACROSS]
    assert [str(folder) for folder in lost if not (SOURCE / folder).is_dir()] == []


def test_the_package_says_what_it_offers():
    assert set(metier.__all__) >= {"read", "train", "load"}
    assert all(hasattr(metier, name) for name in metier.__all__)
