"""`--base` goes to the methods that can stand on it, and to no others."""

import pytest

from metier.data import read
from metier.errors import SettingsError
from metier.runs.run_folder import RunFolder
from metier.selection.budget import Clock
from metier.selection.plan import Preflight
from metier.selection.rows.preparation import build_task
from metier.selection.settings import check_settings


@pytest.fixture
def preflight(tmp_path_factory):
    rows = read([{"text": f"Question {n}? It is long.", "target": f"Answer {n}."} for n in range(12)])

    def make(**settings):
        settings = check_settings({"task": "generation", "budget_minutes": 0.01, **settings})
        run = RunFolder.create(tmp_path_factory.mktemp("runs") / "run", name="rows")
        task = build_task("generation", rows, settings)
        return Preflight(run, settings, task, rows, 2, Clock(1.0), lambda _: None)

    return make


def bases(preflight):
    """The base of each candidate that stands on one."""
    built = [preflight._build(name) for name in ("sentence_ranker.v1", "generator.v1")]
    return [one.method.base for one in built]


def test_an_encoder_goes_to_what_reads_and_a_writer_to_what_writes(preflight, tiny_base):
    assert bases(preflight()) == ["auto", "auto"]
    assert bases(preflight(base="minilm")) == ["minilm", "auto"]
    assert bases(preflight(base=str(tiny_base))) == [str(tiny_base), "auto"]
    assert bases(preflight(base="smollm2")) == ["auto", "smollm2"]
    stated = preflight(base="minilm", methods={"generator": {"base": "owner/writer"}})
    assert bases(stated) == ["minilm", "owner/writer"]


def test_a_base_that_no_candidate_can_stand_on_is_refused(preflight):
    with pytest.raises(SettingsError, match=r"base is 'minilm', which reads.*writes is what generator\.v1 can"):
        preflight(base="minilm", candidates=["lead", "generator"]).plan()
    with pytest.raises(SettingsError, match=r"base is 'smollm2', which writes"):
        preflight(base="smollm2", candidates=["sentence_ranker"]).plan()
    # What stands on no base does not care.
    assert preflight(base="smollm2", candidates=["lead"]).plan().methods
