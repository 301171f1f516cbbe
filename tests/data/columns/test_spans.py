import json

import pytest

from metier.data import iterate, open_writer, read, read_alike
from metier.errors import BrokenValueError, MissingLabelError
from metier.tasks.task_table import infer_task
from metier.text.offsets import nearest

TEXT = "Ada Lovelace lived in London."
SPANS = [[0, 12, "PER"], [22, 28, "LOC"]]
SHAPES = {
    "doccano": {"label": SPANS},
    "spans": {"spans": [{"start": start, "end": end, "label": label} for start, end, label in SPANS]},
    "doccano with relations": {
        "entities": [
            {"id": 7, "start_offset": start, "end_offset": end, "label": label}
            for start, end, label in reversed(SPANS)
        ]
    },
    "rasa": {
        "entities": [
            {"start": start, "end": end, "entity": label, "text": TEXT[start:end]}
            for start, end, label in SPANS
        ]
    },
    "spacy": {"entities": {"entities": SPANS}},
}


@pytest.mark.parametrize("shape", SHAPES)
def test_spans_in_the_shapes_that_tools_write(tmp_path, shape):
    path = tmp_path / "rows.jsonl"
    lines = [
        {"id": 1, "text": TEXT, **SHAPES[shape]},
        {"id": 2, "text": "Nobody.", next(iter(SHAPES[shape])): []},
    ]
    path.write_text("\n".join(map(json.dumps, lines)))
    rows = read(path)
    assert rows.values("spans") == [SPANS, []]
    assert infer_task(rows)[0] == "ner"
    assert any("(--role spans=COLUMN)" in note for note in rows.notes)


def test_a_label_column_beside_entities_stays_the_label():
    rows = read([{"text": TEXT, "intent": "biography", "entities": SPANS}])
    assert (rows.labels, rows.roles.spans) == (["biography"], None)
    assert read([{"text": TEXT, "intent": "biography", "entities": SPANS}], spans="entities").values(
        "spans"
    ) == [SPANS]


@pytest.mark.parametrize(
    ("span", "says", "repaired"),
    [
        ([-1, 3, "PER"], r"\[-1, 3, 'PER'\] reaches outside its text, which has 29 characters", []),
        ([22, 40, "LOC"], r"reaches outside its text", [[22, 29, "LOC"]]),
        ([40, 44, "LOC"], r"reaches outside its text", []),
        ([5, 5, "PER"], r"ends at or before its start", []),
        (
            [4, 13, "PER"],
            r"begins or ends with a space \('Lovelace '\): is it off by one\?.*\[4, 12\]",
            [[4, 12, "PER"]],
        ),
        (
            {"start": 23, "end": 29, "label": "LOC", "text": "London"},
            r"should be 'London', but the text there is 'ondon\.'; the nearest 'London' is \[22, 28\]",
            [[22, 28, "LOC"]],
        ),
        (
            {"start": 22, "end": 27, "label": "LOC", "text": "London"},
            r"should be 'London', but the text there is 'Londo'",
            [[22, 28, "LOC"]],
        ),
        ({"start": 0, "end": 5, "label": "LOC", "text": "Paris"}, r"'Paris', which is not in the text", []),
    ],
    ids=["before", "past the end", "outside", "empty", "space", "off by one", "inclusive end", "not in text"],
)
def test_a_wrong_span_is_reported_with_row_column_and_remedy(span, says, repaired):
    source = [{"text": TEXT, "spans": SPANS}, {"text": TEXT, "spans": [span]}]
    with pytest.raises(
        BrokenValueError, match=rf"row 2, column 'spans': the span .*{says}.*Fix .*--repair"
    ) as caught:
        read(source)
    assert caught.value.rows == [2]
    assert read(source, repair=True).values("spans") == [SPANS, repaired]


def test_overlapping_spans_are_both_reported():
    source = [{"text": TEXT, "spans": [[0, 12, "PER"], [4, 12, "NAME"]]}, {"text": TEXT, "spans": SPANS}]
    with pytest.raises(
        BrokenValueError, match=r"row 1, .*\[0, 12, 'PER'\] \('Ada Lovelace'\) and \[4, 12, 'NAME'\].*overlap"
    ):
        read(source)
    assert read(source, repair=True).values("spans") == [[[0, 12, "PER"]], SPANS]


def test_values_that_are_not_spans_are_reported():
    with pytest.raises(BrokenValueError, match="is not a list of spans"):
        read([{"text": TEXT, "marks": "PER"}], spans="marks")


def test_all_faults_of_a_column_are_counted():
    source = [{"text": TEXT, "spans": [[0, 99, "PER"]]}] * 8
    with pytest.raises(BrokenValueError, match=r"row 1, .* faults in 7 more rows: 2, 3, 4, 5, 6, …") as caught:
        read(source)
    assert caught.value.count == 8


def test_missing_spans_differ_from_an_empty_list():
    rows = read([{"text": TEXT, "spans": SPANS}, {"text": TEXT, "spans": None}])
    with pytest.raises(MissingLabelError, match="row 2"):
        rows.values("spans")


def test_offsets_count_characters_also_beyond_the_basic_plane():
    rows = read([{"text": "😀 北京 😀 London", "spans": [[2, 4, "LOC"], [7, 13, "LOC"]]}])
    text = rows.texts[0]
    assert [text[start:end] for start, end, _ in rows.values("spans")[0]] == ["北京", "London"]


@pytest.mark.parametrize(("near", "expected"), [(0, 0), (3, 4), (2, 0), (8, 8), (5, 4), (99, 8), (-5, 0)])
def test_the_nearest_occurrence(near, expected):
    assert nearest("aba aba aba", "aba", near) == expected
    assert nearest("aba", "x", near) is None


# Relations.


def test_entities_of_real_relations_match_their_texts(examples):
    rows = read(examples / "semeval2010_task8/train.jsonl")
    raw = [json.loads(line) for line in (examples / "semeval2010_task8/train.jsonl").read_text().splitlines()]
    for text, head, tail, given in zip(rows.texts, rows.values("head"), rows.values("tail"), raw, strict=True):
        assert text[head[0] : head[1]] == given["head"]["text"]
        assert text[tail[0] : tail[1]] == given["tail"]["text"]
    assert rows.labels == [given["label"] for given in raw]
    assert infer_task(rows)[0] == "relation"
    assert read_alike(examples / "semeval2010_task8/test.jsonl", rows).roles.head == "head"


@pytest.mark.parametrize(
    ("head", "tail"),
    [
        ({"start": 0, "end": 3, "type": "PER"}, {"start": 22, "end": 28, "type": "LOC"}),
        ([0, 3], [22, 28]),
        ({"name": "Ada", "pos": [0, 3]}, {"name": "London", "pos": [22, 28]}),
    ],
    ids=["objects", "pairs", "OpenNRE"],
)
def test_entities_in_the_shapes_that_tools_write(head, tail):
    rows = read([{"text": TEXT, "h": head, "t": tail, "label": "lived_in"}] * 2)
    assert (rows.values("head")[0], rows.values("tail")[0]) == ([0, 3], [22, 28])
    kind = "PER" if isinstance(head, dict) and "type" in head else None
    assert rows.column("head")[0]["type"] == kind


def test_a_wrong_or_missing_entity_is_reported(tmp_path):
    good = {"text": TEXT, "head": [0, 3], "tail": [22, 28], "label": "lived_in"}
    off = {**good, "head": {"start": 1, "end": 4, "text": "Ada"}}
    with pytest.raises(
        BrokenValueError,
        match=r"row 2, column 'head': the entity \[1, 4\] should be 'Ada', but the text there is 'da '",
    ):
        read([good, off])
    assert read([good, off], repair=True).values("head") == [[0, 3], [0, 3]]
    with pytest.raises(BrokenValueError, match=r"row 2, column 'tail': .* outside"):
        read([good, {**good, "tail": [22, 99]}])
    with pytest.raises(MissingLabelError, match="no 'tail'; the first is row 2"):
        read([good, {**good, "tail": None}]).values("tail")


def test_batches_for_prediction_keep_entities_and_row_numbers(tmp_path):
    path = tmp_path / "rows.jsonl"
    lines = [{"text": TEXT, "head": [0, 3], "tail": [22, 28]} for _ in range(5)]
    path.write_text("\n".join(map(json.dumps, lines)))
    batches = list(iterate(path, 2))
    assert [batch.values("tail") for batch in batches] == [[[22, 28]] * 2, [[22, 28]] * 2, [[22, 28]]]
    lines[3]["tail"] = [22, 99]
    path.write_text("\n".join(map(json.dumps, lines)))
    with pytest.raises(BrokenValueError, match="row 4"):
        list(iterate(path, 2))


@pytest.mark.parametrize("file", ["semeval2010_task8/test.jsonl", "uner_zh_gsd/dev.conll"])
def test_rows_round_trip_through_json_lines(examples, tmp_path, file):
    rows = read(examples / file)
    with open_writer(tmp_path / "out.jsonl.gz") as writer:
        writer.write(rows.table)
    again = read(tmp_path / "out.jsonl.gz")
    assert (again.roles, again.fingerprint) == (rows.roles, rows.fingerprint)
