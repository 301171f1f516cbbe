"""Concepts found in texts, linked to mentions, and hidden to measure that."""

import pytest

from metier.data.knowledge import Concept, KnowledgeGraph
from metier.data.knowledge.graph import Alias, Statement
from metier.features.concept_linking import ConceptLinker, LinkSettings, Mention
from metier.features.concepts import ConceptFinder
from metier.features.held_out_names import hide_names


def concept(name, *aliases, definition="", **relations):
    statements = [Statement(relation, target, "made") for relation, target in relations.items()]
    return Concept(name.upper(), name, "made", [Alias(one) for one in aliases], definition, statements)


@pytest.fixture
def graph():
    return KnowledgeGraph(
        [
            concept("drug", "药物"),
            concept("aspirin", "acetylsalicylic acid", "阿司匹林", is_a="DRUG", relieves="HEADACHE"),
            concept("headache", "cephalalgia", "头痛"),
            concept("mercury planet", "Mercury", definition="A planet near the sun, in orbit."),
            concept("mercury metal", "Mercury", definition="A metal that is liquid in thermometers."),
        ],
        origin="made",
    )


def mention(text, phrase):
    at = text.index(phrase)
    return Mention(text, at, at + len(phrase))


def test_names_are_found_in_both_languages_with_what_stands_above(graph):
    finder = ConceptFinder.of(graph)
    assert [one.concept for one in finder.found("Acetylsalicylic acid for my headache")] == [
        "ASPIRIN",
        "HEADACHE",
    ]
    assert finder.concepts_with_above("我吃了阿司匹林") == ["ASPIRIN", "DRUG"]
    told = finder.with_concepts("ASPIRIN helps")
    assert told.startswith("ASPIRIN helps\n")
    assert finder.with_concepts("药物").split("\n")[1] in told  # The word of what stands above.
    assert finder.with_concepts("nothing here") == "nothing here"


def test_marked_entities_get_types_and_what_is_stated_of_them(graph, tmp_path):
    finder = ConceptFinder.of(graph)
    item = {"text": "aspirin against headache", "head": [0, 7], "tail": [16, 24]}
    known = finder.with_types(item)
    assert known["head_type"] == ":DRUG|relieves|none"
    assert known["tail_type"] == ":HEADACHE"
    assert finder.with_types({**item, "head": [8, 15]})["head_type"] == ":unknown"
    finder.save(tmp_path / "c.json")
    assert ConceptFinder.load(tmp_path / "c.json").with_types(item) == known


def test_a_name_is_linked_by_itself_in_other_forms_and_by_parts(graph):
    linker = ConceptLinker.of(graph)
    for phrase, found in (
        ("headache", "HEADACHE"),
        ("Headaches", "HEADACHE"),
        ("acetyl salicylic acid", "ASPIRIN"),
    ):
        assert linker.link(mention(f"she has {phrase} today", phrase)).concept == found
    assert linker.link(mention("头痛三天了", "头痛")).concept == "HEADACHE"
    assert linker.link(mention("we met Zbigniew", "Zbigniew")).concept is None


def test_the_context_tells_one_name_of_two_concepts_apart(graph, tmp_path):
    linker = ConceptLinker.of(graph)
    metal = mention("the liquid metal in old thermometers is Mercury", "Mercury")
    planet = mention("Mercury is in orbit around the sun", "Mercury")
    assert [linker.link(one).concept for one in (metal, planet)] == ["MERCURY METAL", "MERCURY PLANET"]
    linker.settings = LinkSettings(context_weight=0.0)
    assert len({linker.link(one).concept for one in (metal, planet)}) == 1
    fitted = linker.fitted([metal, planet, mention("a cat", "cat")], ["MERCURY METAL", "MERCURY PLANET", None])
    assert fitted.settings.context_weight > 0
    fitted.save(tmp_path / "l.json")
    again = ConceptLinker.load(tmp_path / "l.json")
    assert again.link(planet) == fitted.link(planet)
    assert again.called("ASPIRIN") == "aspirin"


def test_hidden_names_are_unknown_and_a_fifth_of_the_concepts_is_gone():
    graph = KnowledgeGraph(
        [concept(f"thing {number}", f"alias of {number}") for number in range(20)], origin="made"
    )
    hidden = hide_names(graph)
    assert len(hidden.mentions) == 20
    assert hidden.truth.count(None) == 4
    assert len(hidden.linker.ids) == 16
    assert not {one.phrase for one in hidden.mentions} & {name for own in hidden.linker.names for name in own}
