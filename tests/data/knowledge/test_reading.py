"""Knowledge graphs from OBO, tables, N-Triples and Turtle; what contradicts itself is refused with file and line."""

import importlib.util

import pytest

from metier.data.knowledge import read_knowledge
from metier.errors import KnowledgeError, MissingExtraError, UnreadableFileError

OBO = """format-version: 1.4

[Term]
id: S:1
name: symptom

[Term]
id: S:2
name: pain
def: "An unpleasant feeling." [url:x]
synonym: "ache" EXACT []
is_a: S:1 ! symptom

[Term]
id: S:3
name: back pain
synonym: "backache" EXACT []
is_a: S:2
relationship: part_of S:1 ! symptom
disjoint_from: S:4

[Term]
id: S:4
name: fever
is_a: S:1

[Term]
id: S:9
name: old
is_obsolete: true
"""
NTRIPLES = """# concepts
<http://x/S1> <http://www.w3.org/2004/02/skos/core#prefLabel> "symptom"@en .
<http://x/S1> <http://www.w3.org/2004/02/skos/core#altLabel> "\\u75C7\\u72B6"@zh .
<http://x/S2> <http://www.w3.org/2000/01/rdf-schema#label> "pain" .
<http://x/S2> <http://www.w3.org/2000/01/rdf-schema#subClassOf> <http://x/S1> .
<http://x/S2> <http://www.w3.org/1999/02/22-rdf-syntax-ns#type> <http://www.w3.org/2002/07/owl#Class> .
"""


def write(folder, name, text):
    path = folder / name
    path.write_text(text, "utf-8")
    return path


def test_obo_gives_names_parents_relations_and_exclusions(tmp_path):
    graph = read_knowledge(write(tmp_path, "s.obo", OBO))
    assert len(graph) == 4
    assert graph.concepts["S:2"].names == ["pain", "ache"]
    assert graph.concepts["S:2"].definition == "An unpleasant feeling."
    assert graph.ancestors("S:3") == ["S:2", "S:1"]
    assert graph.concepts["S:3"].relations == [("part_of", "S:1")]
    assert graph.exclusions() == {frozenset(("S:3", "S:4"))}
    assert "backache" in graph.described("S:3")


def test_tables_of_concepts_and_relations_are_read_with_names_in_two_languages(tmp_path):
    write(
        tmp_path,
        "entities.csv",
        "id,name,name_zh,aliases,definition\nA,pain,疼痛,ache|sore,bad\nB,back pain,背痛,,\n",
    )
    write(tmp_path, "relations.csv", "head,relation,tail\nB,is_a,A\n")
    graph = read_knowledge(tmp_path)
    assert graph.concepts["A"].names == ["pain", "疼痛", "ache", "sore"]
    assert [alias.language for alias in graph.concepts["A"].aliases] == ["zh", None, None]
    assert graph.ancestors("B") == ["A"]


def test_triples_alone_are_concepts_by_what_they_are_called(tmp_path):
    graph = read_knowledge(write(tmp_path, "t.csv", "subject,predicate,object\naspirin,relieves,pain\n"))
    assert graph.relations_between() == {("aspirin", "pain"): ("relieves",)}


def test_ntriples_are_read_without_a_library_and_other_rdf_with_one(tmp_path):
    graph = read_knowledge(write(tmp_path, "s.nt", NTRIPLES))
    assert graph.concepts["http://x/S1"].names == ["symptom", "症状"]
    assert graph.ancestors("http://x/S2") == ["http://x/S1"]
    turtle = write(tmp_path, "s.ttl", NTRIPLES)
    if importlib.util.find_spec("rdflib") is None:
        with pytest.raises(MissingExtraError, match=r"metier\[knowledge\]"):
            read_knowledge(turtle)
    else:
        assert read_knowledge(turtle).concepts.keys() == graph.concepts.keys()


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (
            ("name: symptom\n", "name: symptom\nis_a: S:3\n"),
            "the hierarchy has a circle: S:1 is under S:3 is under S:2",
        ),
        (("is_a: S:2\n", "is_a: S:7\n"), "s.obo, line 18: 'S:7' is not there"),
        (("disjoint_from: S:4", "disjoint_from: S:1"), "S:3 excludes S:1, which stands above it"),
        (("id: S:4", "id: S:2"), "s.obo, line 22: 'S:2' is already stated in .*s.obo, line 7"),
        (("disjoint_from: S:4\n", "disjoint_from: S:4\nis_a: S:4\n"), "S:3 excludes S:4"),
    ],
)
def test_faults_are_told_with_file_and_line(tmp_path, change, found):
    with pytest.raises(KnowledgeError, match=found):
        read_knowledge(write(tmp_path, "s.obo", OBO.replace(*change, 1)))


def test_what_stands_under_two_that_exclude_each_other_is_refused(tmp_path):
    more = OBO + "\n[Term]\nid: S:5\nname: both\nis_a: S:3\nis_a: S:4\n"
    with pytest.raises(KnowledgeError, match="S:5 stands under S:3 and S:4, which exclude each other"):
        read_knowledge(write(tmp_path, "s.obo", more))


def test_repair_leaves_dangling_statements_out_and_says_so(tmp_path):
    path = write(tmp_path, "s.obo", OBO.replace("is_a: S:2\n", "is_a: S:7\n"))
    graph = read_knowledge(path, repair=True)
    assert graph.ancestors("S:3") == []
    assert graph.notes == ["repair left out 1 statement about concepts that are not there"]


def test_a_name_of_two_concepts_is_noted_with_both_lines(tmp_path):
    graph = read_knowledge(write(tmp_path, "s.obo", OBO.replace('"backache"', '"Ache"')))
    [note] = graph.notes
    assert "1 name of several concepts" in note
    assert "s.obo, line 7" in note
    assert "s.obo, line 14" in note


@pytest.mark.parametrize(
    ("name", "text", "found"),
    [
        ("s.txt", "x", "no knowledge graph by its ending"),
        ("s.csv", "a,b\n1,2\n", "expected id and name"),
        ("s.nt", "<a> <b> c .\n", "line 1: .* is no triple"),
        ("s.obo", "[Term]\nname: x\n", "line 1: a term has no id"),
        ("s.obo", "", "there is no concept in it"),
    ],
)
def test_files_that_are_none_are_refused(tmp_path, name, text, found):
    with pytest.raises((UnreadableFileError, KnowledgeError), match=found):
        read_knowledge(write(tmp_path, name, text))


def test_a_table_says_what_stands_above_a_concept(tmp_path):
    (tmp_path / "symptoms.csv").write_text("id,name,parents\nA,ache,P|Q\nP,pain,\nQ,sign,\n", "utf-8")
    graph = read_knowledge(tmp_path / "symptoms.csv")
    assert {one.target for one in graph.concepts["A"].statements} == {"P", "Q"}
    (tmp_path / "circle.csv").write_text("id,name,parent\nA,a,B\nB,b,A\n", "utf-8")
    with pytest.raises(KnowledgeError, match=r"circle\.csv, line 2"):
        read_knowledge(tmp_path / "circle.csv")
