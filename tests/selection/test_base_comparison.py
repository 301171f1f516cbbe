"""Bases that are compared before anything is trained: what is asked for, which is taken, what is kept of it."""

import numpy as np
import pytest

import metier
from metier.data import read
from metier.errors import BaseModelError, CallError, SettingsError
from metier.report.page import render_report
from metier.report.words import Words
from metier.runs.run_folder import RunFolder
from metier.selection import base_comparison, base_probe
from metier.selection.base_comparison import BaseChoice, BaseComparison
from metier.selection.base_kinds import named_bases
from metier.selection.base_probe import MethodProbe, ProbeAnswers, probe_name
from metier.selection.candidates import CandidateBuilder
from metier.selection.decisions import decide
from metier.selection.settings import check_settings

ROWS = 400


@pytest.fixture(scope="module")
def rows():
    random = np.random.default_rng(0)
    labels = ("card", "transfer")
    return read(
        [{"text": f"my {labels[n % 2]} {random.integers(10_000)}", "label": labels[n % 2]} for n in range(ROWS)]
    )


@pytest.fixture
def comparison(rows, tmp_path, tiny_base):
    """What compares bases of given skills: each answers a share of the rows correctly, at a cost."""

    def make(skills, *, seconds=60.0, monkeypatch):
        settings = check_settings({"base": str(tiny_base), "candidates": ["frozen_linear"]})
        builder = CandidateBuilder(RunFolder(tmp_path), settings, decide(rows, settings))

        def answer(self, base):
            skill, cost = skills[base]
            if isinstance(skill, Exception):
                raise skill
            wrong = np.random.default_rng(len(base)).random(self.n_answered) >= skill
            truth = self.scores.targets
            other = {"card": "transfer", "transfer": "card"}
            return ProbeAnswers(
                [other[one] if lost else one for one, lost in zip(truth, wrong, strict=True)], cost
            )

        monkeypatch.setattr(MethodProbe, "answer", answer)
        monkeypatch.setattr(base_comparison, "described_base", lambda name: (("*",), 1_000))
        return BaseComparison(builder, rows, "reads", list(skills), seconds, lambda progress: None)

    return make


def test_a_command_line_names_several_or_all():
    assert named_bases(["minilm,e5-multilingual"]) == {"compare_bases": ("minilm", "e5-multilingual")}
    assert named_bases(["all"]) == {"compare_bases": ("all",)}
    with pytest.raises(CallError, match="--base smollm2,minilm,e5-multilingual"):
        named_bases(["smollm2", "minilm,e5-multilingual"])
    with pytest.raises(CallError, match="different names with commas"):
        named_bases(["minilm,,e5-multilingual"])


def test_what_a_base_does_not_read_is_said_of_the_one_that_is_taken(tiny_base):
    mixed = read(
        [{"text": "我的卡丢了" if n % 2 else f"my card {n}", "label": str(n % 4 > 1)} for n in range(40)]
    )
    settings = check_settings({"candidates": ["frozen_linear"], "compare_bases": ["minilm", "e5-multilingual"]})
    decisions = decide(mixed, settings)
    assert not any("reads English" in note for note in decisions.notes)
    assert any("reads English" in note for note in decisions.standing_on("reads", "minilm", ()).notes)
    assert not any("reads" in note for note in decisions.standing_on("reads", "e5-multilingual", ()).notes)


def test_a_folder_with_a_comma_in_its_name_is_one_base(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a,b").mkdir()
    assert named_bases(["a,b"]) == {"base": "a,b"}


def test_what_cannot_be_compared_is_refused_before_any_work(rows, tiny_base):
    def decided(**settings):
        return decide(rows, check_settings({"candidates": ["frozen_linear"], **settings}))

    with pytest.raises(SettingsError, match=r"there is minilm to compare; name two or more"):
        decided(compare_bases=["minilm"])
    with pytest.raises(SettingsError, match=r"has 'smollm2', and no candidate can stand on it"):
        decided(compare_bases=["minilm", "smollm2"])
    with pytest.raises(SettingsError, match=r"base is 'minilm' and compare_bases"):
        decided(base="minilm", compare_bases=["minilm", str(tiny_base)])
    with pytest.raises(Exception, match="no-such-base"):
        decided(compare_bases=["minilm", "no-such-base"])
    assert decided(compare_bases=["minilm", str(tiny_base)]).compared == {"reads": ("minilm", str(tiny_base))}


def test_the_probe_is_the_cheapest_method_that_reads_whole_texts(rows, tmp_path):
    settings = check_settings({})
    builder = CandidateBuilder(RunFolder(tmp_path), settings, decide(rows, settings))
    assert probe_name(builder, "reads") == "frozen_linear.v1"


def test_the_better_base_is_taken_and_the_worse_dropped_early(comparison, monkeypatch):
    compared = comparison({"good": (0.95, 3.0), "poor": (0.6, 1.0), "bad": (0.5, 1.0)}, monkeypatch=monkeypatch)
    choice = compared.choose()
    assert choice.chosen == "good"
    found = {one.name: one for one in choice.bases}
    assert found["poor"].rows == 300  # The first round is enough for them.
    assert "behind good, and the paired test shows it" in found["poor"].why
    assert choice.bases[0].name == "good"
    assert BaseChoice.from_dict(choice.as_dict()) == choice


def test_of_equal_bases_the_cheaper_is_taken_after_all_rows(comparison, monkeypatch):
    choice = comparison({"quick": (0.95, 1.0), "slow": (0.95, 9.0)}, monkeypatch=monkeypatch).choose()
    assert choice.chosen in ("quick", "slow")
    assert {one.rows for one in choice.bases} == {ROWS}
    equal = comparison({"aaaa": (0.9, 9.0), "bbbb": (0.9, 1.0)}, monkeypatch=monkeypatch).choose()
    assert equal.chosen == "bbbb"  # The same answers, at a ninth of the cost.


def test_no_further_round_is_begun_that_the_time_is_too_short_for(comparison, monkeypatch):
    choice = comparison({"aa": (0.9, 1.0), "bbb": (0.9, 1.0)}, seconds=0.0, monkeypatch=monkeypatch).choose()
    assert {one.rows for one in choice.bases} == {300}


def test_a_base_that_cannot_be_probed_costs_the_others_nothing(comparison, monkeypatch):
    skills = {
        "good": (0.9, 1.0),
        "broken": (BaseModelError("The folder x is not a base."), 1.0),
        "bug": (KeyError("k"), 1.0),
    }
    choice = comparison(skills, monkeypatch=monkeypatch).choose()
    found = {one.name: one for one in choice.bases}
    assert choice.chosen == "good"
    assert found["broken"].why == "The folder x is not a base."
    assert found["bug"].why.startswith("a bug (KeyError")
    assert found["bug"].value is None
    none = comparison({"one": skills["broken"], "two": skills["bug"]}, monkeypatch=monkeypatch)
    with pytest.raises(BaseModelError, match="None of the bases one, two could be probed: The folder x"):
        none.choose()


def test_a_run_takes_the_base_that_reads_its_rows(small_base, tmp_path, monkeypatch):
    monkeypatch.setattr(base_probe, "FOLDS", 2)
    topics = {
        "sport": ("goal match team", "league coach player"),
        "money": ("bank loan rate", "share price fund"),
    }
    random = np.random.default_rng(0)
    lines = [
        {"text": " ".join(random.choice(" ".join(words).split(), 3)) + f" {n}", "label": topic}
        for n in range(60)
        for topic, words in topics.items()
    ]
    run = metier.train(
        lines,
        compare_bases=[str(small_base), "minilm"],
        candidates=["tfidf_linear", "frozen_linear"],
        budget="3m",
        run=tmp_path / "run",
        refit=False,
    )
    [choice] = run.report["bases"]
    assert {one["name"] for one in choice["bases"]} == {str(small_base), "minilm"}
    assert all(one["ms_per_row"] > 0 for one in choice["bases"])
    assert run.report["settings"]["compare_bases"] == [str(small_base), "minilm"]
    page = render_report(run.report, language="zh")
    assert "minilm" in page
    assert "采用哪个预训练基座模型" in page


def test_a_writer_that_knows_the_language_needs_fewer_bits(tiny_writers, tmp_path):
    lines = [
        {
            "messages": [
                {"role": "user", "content": f"Where is my parcel {n}?"},
                {"role": "assistant", "content": said},
            ]
        }
        for n, said in enumerate(["It is on its way to you.", "We will look for it today."] * 15)
    ]
    rows = read(lines)
    untrained = str(tiny_writers.make_llama(tmp_path / "causal", ["abc"]))
    pair = str(tiny_writers.make_t5(tmp_path / "pair", ["abc"]))
    names = (untrained, "smollm2", pair)
    settings = check_settings({"compare_bases": names, "candidates": ["generator"]})
    decisions = decide(rows, settings)
    assert decisions.compared == {"writes": names}
    builder = CandidateBuilder(RunFolder(tmp_path), settings, decisions)
    choice = BaseComparison(builder, rows, "writes", names, 60.0, lambda progress: None).choose()
    assert (choice.chosen, choice.metric) == ("smollm2", "bits_per_character")
    bits = {one.name: one.value for one in choice.bases}
    assert bits["smollm2"] < 3 < min(bits[untrained], bits[pair])


def test_its_sentences_are_said_in_chinese(comparison, monkeypatch):
    choice = comparison({"good": (0.95, 3.0), "poor": (0.6, 1.0)}, monkeypatch=monkeypatch).choose()
    told = [Words("zh").told(sentence) for sentence in choice.sentences]
    assert told[0].startswith("基座   good：")
    assert "落后 good" in told[1]
