"""`--knowledge`: methods with a graph are candidates, and shipped only where they beat themselves without it."""

import numpy as np
import pytest

import metier
from metier import catalogue
from metier.errors import CallError, KnowledgeError, SettingsError
from metier.predictors.loading import load_predictor
from metier.selection.decisions import decide
from metier.selection.settings import DataSettings, TrainSettings

STARTS, ENDS = ("aspo", "belu", "cero", "davi", "elmo", "furo"), ("xarin", "tolin", "mirin", "zatin")
DRUGS = [f"{start}{end}" for start in STARTS for end in ENDS]
# Which of two kinds each is, by chance: no letter of its name says it.
KINDS = np.random.default_rng(5).integers(2, size=len(DRUGS))


@pytest.fixture
def files(tmp_path):
    graph = tmp_path / "graph.csv"
    kinds = [
        f"{drug},is_a,{('painkiller', 'antibiotic')[kind]}" for drug, kind in zip(DRUGS, KINDS, strict=True)
    ]
    graph.write_text("head,relation,tail\n" + "\n".join(kinds) + "\n", "utf-8")
    rows = tmp_path / "rows.csv"
    lines = [
        f"we gave {drug} on day {number},{('a', 'b')[number % 2]}" for number, drug in enumerate(DRUGS * 3)
    ]
    rows.write_text("text,label\n" + "\n".join(lines) + "\n", "utf-8")
    return graph, rows


def test_what_stands_above_unseen_names_is_learned(files, tmp_path):
    graph, _ = files
    texts = [f"we gave {drug} to the patient" for drug in DRUGS]
    labels = [("a", "b")[kind] for kind in KINDS]
    known, unseen = slice(0, 14), slice(14, None)
    plain = catalogue.resolve("tfidf_linear.v1")().fit(texts[known], labels[known])
    method = catalogue.resolve("tfidf_knowledge.v1")(knowledge=graph).fit(texts[known], labels[known])
    right = [list(one.predict(texts[unseen])) == labels[unseen] for one in (plain, method)]
    assert right == [False, True]
    assert method.facts_["rows_with_concepts"] == 1
    method.export(tmp_path)
    assert load_predictor(tmp_path).predict(texts[unseen]).predicted == labels[unseen]


def test_a_graph_adds_the_methods_that_take_one_and_their_counterparts(files):
    graph, path = files
    rows = metier.read(path)
    settings = TrainSettings(data=DataSettings(knowledge=str(graph)))
    assert {"tfidf_knowledge.v1", "tfidf_linear.v1"} <= set(decide(rows, settings).candidates)
    assert "tfidf_knowledge.v1" not in decide(rows, TrainSettings()).candidates


def test_faults_are_told_before_any_work(files):
    graph, path = files
    rows = metier.read(path)
    with pytest.raises(CallError, match="needs a knowledge graph, but there is none"):
        decide(rows, TrainSettings(candidates=("tfidf_knowledge.v1",)))
    graph.write_text("head,relation,tail\na,is_a,b\nb,is_a,a\n", "utf-8")
    with pytest.raises(KnowledgeError, match=r"graph\.csv, line 2: the hierarchy has a circle"):
        decide(rows, TrainSettings(data=DataSettings(knowledge=str(graph))))
    with pytest.raises(
        CallError, match="Methods with a knowledge graph exist for the tasks classification, relation"
    ):
        decide(rows, TrainSettings(task="ordinal", data=DataSettings(knowledge=str(graph))))
    with pytest.raises(SettingsError, match="knowledge is None"):
        catalogue.resolve("tfidf_knowledge.v1")().fit(["a b", "c d"], ["x", "y"])


def test_a_graph_of_another_field_is_no_default(files):
    graph, _ = files
    method = catalogue.resolve("tfidf_knowledge.v1")(knowledge=graph)
    assert method.why_not(["nothing of that"] * 60, ["a"] * 60).startswith(
        "only 0.0 % of the rows name a concept"
    )
    assert method.why_not([f"some {DRUGS[0]}"] * 60, ["a"] * 60) is None
