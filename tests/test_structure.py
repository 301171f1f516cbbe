"""What `scripts/structure.py` counts, on sources whose numbers are known."""

import ast
import importlib.util
import json
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def structure():
    specification = importlib.util.spec_from_file_location("structure", ROOT / "scripts" / "structure.py")
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def parsed(files):
    return {path: ast.parse(text) for path, text in files.items()}


def test_modules_that_import_one_another_are_a_knot(structure):
    files = {
        "a/__init__.py": "",
        "a/one.py": "from metier.b import two",
        "b/__init__.py": "",
        "b/two.py": "def late():\n    from metier.c.three import name",
        "c/__init__.py": "import metier.a.one",
        "c/three.py": "",
        "c/four.py": "from metier.c import three",
    }
    # Whoever loads c.three loads c first, and c loads a.one. A module of c itself is in c already.
    assert structure.knots(structure.import_graph(parsed(files))) == [
        ["metier.a.one", "metier.b.two", "metier.c"]
    ]


def test_imports_for_types_are_neither_knots_nor_late(structure):
    files = {
        "one.py": "if TYPE_CHECKING:\n    from metier.two import name",
        "two.py": "import metier.one\ndef late():\n    import torch",
    }
    assert structure.knots(structure.import_graph(parsed(files))) == []
    assert structure.late_imports(parsed(files)) == ["two.py:3: import torch"]


def test_modules_with_one_importer_are_counted_and_packages_are_not(structure):
    files = {
        "__init__.py": "",
        "a/__init__.py": "",
        "a/one.py": "from metier.a import two, three",
        "a/two.py": "from metier.a.three import name\nimport metier.a",
        "a/three.py": "",
    }
    assert structure.with_one_importer(parsed(files)) == ["metier.a.two"]


def test_a_body_is_counted_without_its_docstring(structure):
    documented = 'def f():\n    """Says."""\n    a = 1\n\n    return a\n'
    files = {"one.py": documented, "two.py": 'async def g():\n    return 1\ndef h():\n    """Says."""'}
    assert structure.body_lengths(parsed(files)) == [0, 1, 3]


def test_lines_are_counted_by_room_and_by_composition(structure):
    files = {"errors.py": "a\nb\n", "tasks/one.py": "a\n", "tasks/kinds/two.py": "a\nb\nc", "text/three.py": ""}
    assert structure.lines_by_room(files) == {"tasks": 4, "(files)": 2, "text": 0}
    assert structure.lines_by_composition(files, {"tasks": ["tasks/*"], "none": ["export/*"]}) == {
        "tasks": [2, 4],
        "none": [0, 0],
    }


def test_reflection_is_named_by_its_place(structure):
    assert structure.reflections(parsed({"one.py": "x = 1\ny = getattr(x, 'real')\nx.getattr(y)"})) == [
        "one.py:2: getattr(x, 'real')"
    ]


def test_without_history_the_stored_numbers_are_given(structure):
    stored = {"commit": "0000000", "compositions": {}, "numbers": {"lines": 3}}
    assert structure.before(stored) == {"lines": 3}


@pytest.fixture(scope="module")
def stored(structure):
    return json.loads(structure.STORED.read_text("utf-8"))


@pytest.fixture(scope="module")
def found(structure, stored):
    return structure.now(stored)


def test_the_table_has_a_line_for_every_number(structure, stored, found):
    lines = list(structure.table(stored, stored["numbers"], found))
    assert any(line.startswith("lines of transformer") and " 15992 " in line for line in lines)
    assert lines[-1].split()[:3] == ["one", "importer", "164"]


def test_a_limit_holds_for_each_of_several_numbers(structure):
    assert structure.is_within([5, 16, 56], [5, 16, 56])
    assert not structure.is_within([5, 17, 50], [5, 16, 56])
    assert structure.is_within(["a place"], 1)
    assert not structure.is_within(["a place", "another"], 1)
    assert structure.is_within(20, 0.2, files=100)
    assert not structure.is_within(21, 0.2, files=100)


# What the source keeps of the limits in `structure.json`; the script shows the others too.
@pytest.mark.parametrize(
    "name", ["bodies", "biggest room", "knots", "late imports", "reflections", "short files", "one importer"]
)
def test_the_source_keeps_its_limits(structure, stored, found, name):
    assert structure.is_within(found[name], stored["limits"][name], files=found["files"]), found[name]
