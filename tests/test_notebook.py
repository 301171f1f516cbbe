"""Progress in a notebook: IPython is a fake at the one seam, for it is no part of what is installed."""

import sys
from types import SimpleNamespace

import pytest

from metier.notebook import in_notebook, show_progress, shown_in_notebook
from metier.progress import Progress, ignore


class Handle:
    def __init__(self, pages):
        self._pages = pages

    def update(self, page):
        self._pages.append(page)


@pytest.fixture
def cell(monkeypatch):
    """A cell of a notebook; gives the pages that its one output showed."""
    pages = []

    def display(page, *, display_id):
        assert display_id
        pages.append(page)
        return Handle(pages)

    shell = SimpleNamespace(kernel=object())
    tools = SimpleNamespace(display=display, HTML=lambda text: text)
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: shell, display=tools))
    return pages


def test_a_script_and_a_terminal_of_ipython_are_no_notebook(monkeypatch):
    assert not in_notebook()
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: SimpleNamespace()))
    assert not in_notebook()


def test_a_cell_shows_what_goes_on_and_keeps_what_was_said(cell):
    with show_progress() as listener:
        listener(Progress("plan   <b>2</b> candidates", 1, 1, unit=""))
        listener(Progress("encoder.v1: fine-tuning", 5, 10))
        assert "encoder.v1: fine-tuning  5/10 rows" in cell[-1]
    assert cell[-1] == "<pre>plan   &lt;b&gt;2&lt;/b&gt; candidates</pre>"


def test_a_notebook_shows_progress_unasked_and_a_script_does_not(cell, monkeypatch):
    with shown_in_notebook(None) as listener:
        listener(Progress("planning", 0, None, unit=""))
    assert "planning" in cell[0]
    monkeypatch.delitem(sys.modules, "IPython")
    with shown_in_notebook(None) as listener:
        assert listener is ignore


def test_elsewhere_progress_is_lines_on_stderr(capsys):
    with show_progress() as listener:
        listener(Progress("embedding", 1, 2))
        listener(Progress("embedding", 2, 2))
    shown = capsys.readouterr()
    assert shown.err == "embedding  1/2 rows\nembedding  2 rows\n"
    assert not shown.out
