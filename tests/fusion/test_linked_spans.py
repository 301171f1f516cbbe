"""A tagger and a graph in one bundle: what it marks is linked."""

from metier import catalogue
from metier.data.knowledge import Concept, KnowledgeGraph
from metier.features.concept_linking import ConceptLinker
from metier.fusion.linked_spans import export_linked
from metier.predictors.loading import load_predictor


def test_spans_of_a_tagger_have_concepts(tmp_path):
    texts = ["he has a fever today", "no fever", "fevers are bad", "a cold"]
    spans = [[[9, 14, "S"]], [[3, 8, "S"]], [[0, 6, "S"]], []]
    tagger = catalogue.resolve("dictionary_tagger.v1")().fit(texts, spans)
    (tmp_path / "tagger").mkdir()
    tagger.export(tmp_path / "tagger")
    graph = KnowledgeGraph([Concept("S:1", "fever", "made"), Concept("S:2", "cough", "made")], origin="made")
    export_linked(tmp_path / "tagger", ConceptLinker.of(graph), tmp_path / "whole")
    answers = load_predictor(tmp_path / "whole").predict(texts)
    assert answers.predicted == tagger.predict(texts)
    [span] = answers.record(2)["spans"]
    assert (span["concept"], span["concept_name"]) == ("S:1", "fever")
    assert set(answers.answered_by) == {"linked_spans.v1"}
