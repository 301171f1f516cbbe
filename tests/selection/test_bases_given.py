"""`--base` goes to the methods that can stand on it, and to no others; it is found once a run."""

import pytest

from metier.data import read
from metier.errors import SettingsError
from metier.runs.run_folder import RunFolder
from metier.selection.candidates import CandidateBuilder
from metier.selection.decisions import decide
from metier.selection.settings import check_settings


@pytest.fixture
def rows():
    return read([{"text": f"Question {n}? It is long.", "target": f"Answer {n}."} for n in range(12)])


@pytest.fixture
def decided(rows):
    return lambda **settings: decide(rows, check_settings({"task": "generation", **settings}))


@pytest.fixture
def bases(rows, decided, tmp_path):
    """The base of each candidate that stands on one."""

    def find(**settings):
        settings = {"candidates": ["sentence_ranker", "generator"], **settings}
        checked = check_settings({"task": "generation", **settings})
        builder = CandidateBuilder(RunFolder(tmp_path), checked, decided(**settings))
        return [builder.build(name).base for name in ("sentence_ranker.v1", "generator.v1")]

    return find


def test_an_encoder_goes_to_what_reads_and_a_writer_to_what_writes(bases, tiny_base):
    assert bases() == ["minilm", "auto"]  # What `auto` is for English rows, found once.
    assert bases(base="minilm") == ["minilm", "auto"]
    assert bases(base=str(tiny_base)) == [str(tiny_base), "auto"]
    assert bases(base="smollm2") == ["minilm", "smollm2"]
    stated = bases(base="minilm", methods={"generator": {"base": "owner/writer"}})
    assert stated == ["minilm", "owner/writer"]


def test_a_base_that_no_candidate_can_stand_on_is_refused(decided):
    with pytest.raises(SettingsError, match=r"base is 'minilm', which reads.*writes is what generator\.v1 can"):
        decided(base="minilm", candidates=["lead", "generator"])
    with pytest.raises(SettingsError, match=r"base is 'smollm2', which writes"):
        decided(base="smollm2", candidates=["sentence_ranker"])
    # What stands on no base does not care.
    assert decided(base="smollm2", candidates=["lead"]).candidates == ("lead.v1",)


def test_a_base_that_nobody_has_is_refused_before_any_work(decided):
    with pytest.raises(Exception, match="no-such-base"):
        decided(base="no-such-base", candidates=["sentence_ranker"])
