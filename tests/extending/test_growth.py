"""What docs/extending describes: each page's files and rows are added to a copy of the source, work, and go again."""

import importlib.util
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
_specification = importlib.util.spec_from_file_location("growth", ROOT / "scripts" / "growth.py")
growth = importlib.util.module_from_spec(_specification)
sys.modules["growth"] = growth  # Dataclasses look their module up.
_specification.loader.exec_module(growth)

PAGES = growth.growths()
PLUG_INS = [page for page in PAGES if page.entry_points]
NEED_TORCH = {"adaptation", "objective"}


def able(pages):
    has_torch = importlib.util.find_spec("torch") is not None
    return [page for page in pages if has_torch or page.name not in NEED_TORCH]


@pytest.fixture(scope="module")
def grown():
    """The failures of all checks, with everything added at once."""
    with growth.copied() as root:
        for page in able(PAGES):
            page.apply(root)
        yield growth.failures({page.name: page.check for page in able(PAGES)}, [root / "src"])


@pytest.fixture(scope="module")
def plugged_in(tmp_path_factory):
    """The failures of the same checks with the files in folders of plug-ins and the source as it is."""
    folder = tmp_path_factory.mktemp("plug-ins")
    for page in able(PLUG_INS):
        page.write_plug_in(folder)
    return growth.failures({page.name: page.check for page in able(PLUG_INS)}, [ROOT / "src", folder])


def test_every_kind_of_growth_has_its_page():
    kinds = {
        "method",
        "metric",
        "adaptation",
        "ensemble",
        "base",
        "objective",
        "task",
        "answer-kind",
        "report-section",
        "endpoint",
        "command",
        "graph-kind",
    }
    assert kinds <= {page.name for page in PAGES}
    index = (growth.PAGES / "README.md").read_text("utf-8")
    assert [page.name for page in PAGES if f"({page.name}.md)" not in index] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_page_adds_one_file_and_rows_of_one_other(page):
    with growth.copied() as root:
        before = growth.snapshot(root)
        page.apply(root)
        new, changed = growth.touched(before, growth.snapshot(root))
    assert len(new) == 1
    assert len(changed) == 1


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_what_a_page_adds_works(page, grown):
    if page not in able(PAGES):
        pytest.skip("needs metier[train]")
    assert page.check
    assert page.name not in grown, grown[page.name]


@pytest.mark.parametrize("page", PLUG_INS, ids=lambda page: page.name)
def test_a_plug_in_needs_no_change_of_ours(page, plugged_in):
    if page not in able(PLUG_INS):
        pytest.skip("needs metier[train]")
    assert page.name not in plugged_in, plugged_in[page.name]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_without_its_row_a_page_does_not_work(page):
    """A check that passes without what the page adds would prove nothing."""
    names = {word for row in page.rows for word in growth.re.findall(r"\w+", row.added)}
    assert names & set(growth.re.findall(r"\w+", page.check))


def test_a_check_that_fails_is_reported():
    wrong = growth.failures({"right": "assert True", "wrong": "assert 1 == 2"}, [ROOT / "src"])
    assert list(wrong) == ["wrong"]
    assert "assert 1 == 2" in wrong["wrong"]
