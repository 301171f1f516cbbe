"""Each importer on a file in the format of its tool: imported, written, read again."""

import json
import shutil
import time
import zlib
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from metier.data import open_writer, read
from metier.data.importers import FORMATS, Tally, import_rows
from metier.data.importers.rasa import marks_of
from metier.errors import (
    BrokenRowError,
    CallError,
    DataError,
    EmptyDataError,
    MetierError,
    MissingColumnError,
    MissingExtraError,
    UnknownNameError,
    UnreadableFileError,
)
from metier.tasks.task_table import infer_task

EXAMPLES = Path(__file__).parents[2] / "examples"


def saved(tmp_path, document, name="export.json"):
    path = tmp_path / name
    lines = name.endswith(".jsonl")
    text = "\n".join(json.dumps(one, ensure_ascii=False) for one in document) if lines else json.dumps(document)
    path.write_text(text, encoding="utf-8")
    return path


def through(path, **how):
    """Import, write JSON lines beside the source, and read them: the import and the rows."""
    imported = import_rows(path, **how)
    output = path.parent / f"imported-{path.name}.jsonl"
    tally = Tally()
    with open_writer(output) as writer:
        for table in imported.tables:
            writer.write(table)
            tally.add(table)
    rows = read(output)
    assert len(rows) == tally.rows
    return imported, rows


def task(number, text, *results, **more):
    """A task as Label Studio 1.x exports it."""
    annotation = {
        "id": number,
        "completed_by": 1,
        "was_cancelled": False,
        "ground_truth": False,
        "lead_time": 3.1,
    }
    return {
        "id": number,
        "annotations": [{**annotation, "result": list(results)}],
        "file_upload": "rows.csv",
        "drafts": [],
        "predictions": [],
        "data": {"text": text},
        "meta": {},
        "created_at": "2026-01-05T10:00:00Z",
        "project": 1,
    } | more


def choice(*choices, control="intent"):
    return {
        "value": {"choices": list(choices)},
        "id": "a1",
        "from_name": control,
        "to_name": "text",
        "type": "choices",
        "origin": "manual",
    }


def region(start, end, text, *labels):
    return {
        "value": {"start": start, "end": end, "text": text, "labels": list(labels)},
        "id": "b1",
        "from_name": "label",
        "to_name": "text",
        "type": "labels",
        "origin": "manual",
    }


def test_label_studio_choices_are_labels(tmp_path):
    path = saved(
        tmp_path,
        [
            task(1, "where is my card", choice("card_arrival")),
            task(2, "pin blocked", choice("pin_blocked")),
            task(3, "not looked at", annotations=[]),
            task(4, "skipped", choice("pin_blocked"), annotations=[{"was_cancelled": True, "result": []}]),
            task(5, "nothing chosen"),
        ],
    )
    imported, rows = through(path)
    assert imported.what == "Label Studio JSON"
    assert (list(rows.texts), rows.labels) == (
        ["where is my card", "pin blocked"],
        ["card_arrival", "pin_blocked"],
    )
    assert imported.left_out == {
        "tasks without an annotation": [3],
        "tasks whose annotations were all cancelled": [4],
        "tasks with an empty annotation": [5],
    }


def test_label_studio_several_choices_are_many_labels_and_none_is_an_empty_list(tmp_path):
    path = saved(tmp_path, [task(1, "one", choice("b", "a")), task(2, "two", choice("a")), task(3, "three")])
    _, rows = through(path)
    assert infer_task(rows)[0] == "multi_label"
    assert rows.values("labels") == [["a", "b"], ["a"], []]


def test_label_studio_regions_are_spans_and_utf16_offsets_are_converted(tmp_path):
    path = saved(
        tmp_path,
        [
            task(1, "Ada lived in London.", region(13, 19, "London", "LOC"), region(0, 3, "Ada", "PER", "ORG")),
            task(2, "🎉 Ada lived.", region(3, 6, "Ada", "PER")),  # the emoji counts twice in a browser
            task(3, "Nobody did.", {"type": "relation", "from_id": "a", "to_id": "b"}),
        ],
    )
    imported, rows = through(path)
    assert rows.values("spans") == [[[0, 3, "PER"], [13, 19, "LOC"]], [[2, 5, "PER"]], []]
    assert any("UTF-16" in note for note in imported.notes)
    assert imported.left_out == {
        "second labels of a region": [1],
        "results of the type relation": [3],
    }


def test_label_studio_ratings_texts_and_further_columns(tmp_path):
    rating = {"type": "rating", "from_name": "stars", "to_name": "text", "value": {"rating": 4}}
    one = task(1, "good", rating, data={"review": "good", "shop": "north", "label": "x"})
    _, rows = through(saved(tmp_path, [one]), text="review")
    assert rows.values("score") == [4.0]
    assert {"shop", "data_label"} <= set(rows.table.column_names)
    written = {"type": "textarea", "from_name": "summary", "to_name": "text", "value": {"text": ["short"]}}
    _, rows = through(saved(tmp_path, [task(1, "a long text", written)], "written.json"))
    assert rows.values("target") == ["short"]


def test_label_studio_min(tmp_path):
    row = {
        "id": 1,
        "annotator": 1,
        "annotation_id": 1,
        "lead_time": 2.0,
        "created_at": "2026",
        "updated_at": "2026",
    }
    marks = [{"start": 0, "end": 3, "text": "Ada", "labels": ["PER"]}]
    imported, rows = through(saved(tmp_path, [row | {"text": "Ada lived.", "label": marks}]))
    assert imported.what == "Label Studio JSON-MIN"
    assert rows.values("spans") == [[[0, 3, "PER"]]]


def test_label_studio_reports_broken_tasks(tmp_path):
    two = task(2, "x", data={"body": "x", "title": "y"})
    with pytest.raises(DataError, match=r"no field .* clearly the text; it has: body, title.*--text"):
        import_rows(saved(tmp_path, [two]))
    with pytest.raises(MissingColumnError, match="Did you mean 'body'"):
        import_rows(saved(tmp_path, [two]), text="boddy")
    with pytest.raises(UnreadableFileError, match=r"task 2: there is no text in its field 'text'"):
        import_rows(saved(tmp_path, [task(1, "x"), task(2, None)]))
    with pytest.raises(UnreadableFileError, match=r"task 1: a region has no start, end and label"):
        import_rows(saved(tmp_path, [task(1, "abc", region(0, 3, "abc"))]))


def test_doccano_classification_of_one_and_of_several_labels(tmp_path):
    one = [
        {"id": n, "text": f"text {n}", "label": ["spam" if n % 2 else "ham"], "Comments": []} for n in range(6)
    ]
    imported, rows = through(saved(tmp_path, [*one, {"id": 9, "text": "open", "label": []}], "one.jsonl"))
    assert "text classification" in imported.what
    assert rows.labels == ["ham", "spam"] * 3
    assert imported.left_out == {"documents without a label": [7]}
    several = [{"id": 1, "text": "a", "label": ["x", "y"]}, {"id": 2, "text": "b", "label": []}]
    _, rows = through(saved(tmp_path, several, "several.jsonl"))
    assert rows.values("labels") == [["x", "y"], []]


@pytest.mark.parametrize(
    "marks",
    [
        {"label": [[13, 19, "LOC"], [0, 3, "PER"]]},
        {
            "entities": [
                {"id": 1, "label": "LOC", "start_offset": 13, "end_offset": 19},
                {"id": 2, "label": "PER", "start_offset": 0, "end_offset": 3},
            ],
            "relations": [{"id": 1, "from_id": 2, "to_id": 1, "type": "lives_in"}],
            "Comments": ["sure?"],
        },
    ],
)
def test_doccano_sequence_labelling_old_and_new(tmp_path, marks):
    imported, rows = through(
        saved(tmp_path, [{"id": 1, "text": "Ada lived in London.", **marks}], "marks.jsonl")
    )
    assert rows.values("spans") == [[[0, 3, "PER"], [13, 19, "LOC"]]]
    assert imported.left_out == ({"relations": [1], "comments": [1]} if "relations" in marks else {})


def test_doccano_sequence_to_sequence(tmp_path):
    pairs = [("good morning", "guten Morgen"), ("good night", "gute Nacht"), ("thank you", "vielen Dank")]
    path = saved(tmp_path, [{"id": 1, "text": en, "label": [de]} for en, de in pairs], "pairs.jsonl")
    imported, rows = through(path)
    assert "sequence to sequence" in imported.what
    assert list(zip(rows.texts, rows.values("target"), strict=True)) == pairs


def test_doccano_reports_the_broken_line(tmp_path):
    good = {"text": "Ada", "label": [[0, 3, "PER"]]}
    with pytest.raises(UnreadableFileError, match=r"line 2: \[0, 3\] is not a label"):
        import_rows(saved(tmp_path, [good, {"text": "Ada", "label": [[0, 3]]}], "a.jsonl"))
    with pytest.raises(UnreadableFileError, match=r"line 2: this document has no text"):
        import_rows(saved(tmp_path, [good, {"label": ["x"]}], "b.jsonl"), format="doccano")
    (tmp_path / "c.jsonl").write_text(json.dumps(good) + "\n{broken\n")
    with pytest.raises(BrokenRowError, match="line 2: this is not JSON"):
        import_rows(tmp_path / "c.jsonl")


@pytest.fixture
def docbin(tmp_path):
    spacy = pytest.importorskip("spacy", reason="needs metier[nlp]")
    from spacy.tokens import DocBin

    def write(*docs, name="corpus.spacy"):
        made = []
        for text, entities, cats in docs:
            doc = spacy.blank("en")(text)
            doc.ents = [doc.char_span(start, end, label) for start, end, label in entities]
            doc.cats = cats
            made.append(doc)
        path = tmp_path / name
        DocBin(docs=made, store_user_data=True).to_disk(path)
        return path

    return write


def test_spacy_entities(docbin):
    path = docbin(("Ada lived in London.", [(0, 3, "PER"), (13, 19, "LOC")], {}), ("Nobody did.", [], {}))
    imported, rows = through(path)
    assert imported.what == "spaCy DocBin"
    assert rows.values("spans") == [[[0, 3, "PER"], [13, 19, "LOC"]], []]
    path.rename(path.with_suffix(".bin"))
    assert len(list(import_rows(path.with_suffix(".bin")).tables)) == 1  # recognised by content, too


def test_spacy_categories_of_one_and_of_several_labels(docbin):
    one = docbin(
        ("good", [], {"pos": 1.0, "neg": 0.0}), ("bad", [], {"pos": 0.0, "neg": 1.0}), ("?", [], {"pos": 0.0})
    )
    imported, rows = through(one)
    assert rows.labels == ["pos", "neg"]
    assert imported.left_out == {"documents without a category": [3]}
    _, rows = through(docbin(("both", [], {"a": 1.0, "b": 1.0}), ("none", [], {"a": 0.0}), name="many.spacy"))
    assert rows.values("labels") == [["a", "b"], []]


def test_spacy_that_is_broken_or_not_installed(tmp_path, monkeypatch):
    path = tmp_path / "x.spacy"
    path.write_bytes(zlib.compress(b"not msgpack"))
    pytest.importorskip("spacy", reason="needs metier[nlp]")
    with pytest.raises(UnreadableFileError, match="not a DocBin of spaCy"):
        import_rows(path)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"metier\[nlp\]"):
        import_rows(path)


RASA = """version: "3.1"
nlu:
- intent: greet
  examples: |
    - hey
    - good morning
- intent: book_flight
  examples: |
    - from [Boston](city) to [New York]{"entity": "city", "role": "to", "value": "NYC"}
    - to [Paris][{"entity": "city"}, {"entity": "team"}] please
- intent: faq/opening
  examples:
  - text: |
      when do you open
    metadata:
      sentiment: neutral
- synonym: NYC
  examples: |
    - New York
- lookup: city
  examples: |
    - Paris
"""


def test_rasa_intents_and_entities(tmp_path):
    path = tmp_path / "nlu.yml"
    path.write_text(RASA)
    imported, rows = through(path)
    assert rows.labels == ["greet", "greet", "book_flight", "book_flight", "faq/opening"]
    assert rows.texts[2] == "from Boston to New York"
    assert list(rows.texts)[4] == "when do you open"
    marked = read(path.parent / "imported-nlu.yml.jsonl", spans="spans")
    assert infer_task(marked)[0] == "ner"
    assert marked.values("spans") == [[], [], [[5, 11, "city"], [15, 23, "city"]], [[3, 8, "city"]], []]
    assert {why: len(items) for why, items in imported.left_out.items()} == {
        "values of entities (synonyms)": 1,
        "roles of entities": 1,
        "second meanings of one span": 1,
        "entries of the kind synonym": 1,
        "entries of the kind lookup": 1,
    }
    assert import_rows(tmp_path).what == "Rasa NLU YAML"  # the folder of a project


@pytest.mark.parametrize(
    ("document", "error", "message"),
    [
        ("nlu:\n- intent: a\n  examples: [\n", BrokenRowError, "line 4: this is not YAML"),
        ("nlu:\n- examples: |\n    - hi\n", UnreadableFileError, "entry 1 of nlu: it has no intent"),
        ("nlu:\n- intent: a\n  examples: |\n    hi\n", UnreadableFileError, "the line 'hi' is not an example"),
        (
            'nlu:\n- intent: a\n  examples: |\n    - hi\n    - [x]{"entity" "y"}\n',
            UnreadableFileError,
            "intent a, example 2: .*is not an entity",
        ),
        ("stories:\n- story: a\n", UnreadableFileError, "no section 'nlu'"),
        ("nlu: 3\n", UnreadableFileError, "'nlu' is not a list"),
        ("nlu:\n- intent: !!python/object/apply:os.system ['true']\n", BrokenRowError, "this is not YAML"),
    ],
)
def test_rasa_reports_the_broken_place(tmp_path, document, error, message):
    path = tmp_path / "nlu.yml"
    path.write_text(document)
    with pytest.raises(error, match=message):
        import_rows(path)


def test_alpaca_without_and_with_a_history(tmp_path):
    plain = [
        {"instruction": "Translate into German.", "input": "good morning", "output": "guten Morgen"},
        {"instruction": "Say something nice.", "input": "", "output": "You look well."},
        {"instruction": "Say nothing.", "output": ""},
    ]
    imported, rows = through(saved(tmp_path, plain))
    assert list(rows.texts) == ["Translate into German.\ngood morning", "Say something nice."]
    assert rows.values("target") == ["guten Morgen", "You look well."]
    assert imported.left_out == {"items with an empty output": [3]}
    talk = plain[0] | {"system": "Be brief.", "history": [["hi", "hello"]]}
    _, rows = through(saved(tmp_path, [talk, plain[1]], "talk.json"))
    assert [turn["role"] for turn in rows.values("messages")[0]] == ["system", "user", "assistant", "user"]
    assert rows.values("target")[0] == "guten Morgen"
    with pytest.raises(UnreadableFileError, match="item 2: it has no output"):
        import_rows(saved(tmp_path, [plain[0], {"instruction": "x"}], "bad.json"), format="alpaca")


def test_sharegpt_in_both_spellings(tmp_path):
    items = [
        {
            "conversations": [{"from": "human", "value": "hi"}, {"from": "gpt", "value": "hello"}],
            "system": "Be brief.",
            "tools": "[]",
        },
        {
            "conversations": [
                {"from": "human", "value": "weather?"},
                {"from": "function_call", "value": '{"name": "weather"}'},
                {"from": "observation", "value": "sunny"},
                {"from": "gpt", "value": "It is sunny."},
            ]
        },
        {"conversations": [{"from": "human", "value": "nobody answers"}]},
    ]
    imported, rows = through(saved(tmp_path, items))
    assert rows.values("target") == ["hello", "It is sunny."]
    assert [turn["role"] for turn in rows.values("messages")[1]] == ["user", "assistant", "tool"]
    assert imported.left_out == {
        "descriptions of tools": [1],
        "conversations without an assistant turn": [3],
    }
    openai = [{"messages": [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "hello"}]}]
    _, rows = through(saved(tmp_path, openai, "openai.jsonl"))
    assert rows.values("target") == ["hello"]
    bad = [items[0], {"conversations": [{"from": "alien", "value": "x"}]}]
    with pytest.raises(UnreadableFileError, match="item 2: turn 1 has the speaker 'alien'"):
        import_rows(saved(tmp_path, bad, "bad.json"))


LABELS = {"names": ["neg", "pos"], "_type": "ClassLabel"}
TEXT = {"dtype": "string", "_type": "Value"}


def save_to_disk(folder, features, *tables, info=True):
    """A data set as `datasets.Dataset.save_to_disk` writes it: Arrow streams, state.json, dataset_info.json."""
    folder.mkdir(parents=True)
    files = []
    for number, columns in enumerate(tables):
        name = f"data-{number:05d}-of-{len(tables):05d}.arrow"
        metadata = {"huggingface": json.dumps({"info": {"features": features}})}
        table = pa.table(columns).replace_schema_metadata(metadata)
        with pa.OSFile(str(folder / name), "wb") as sink, pa.ipc.new_stream(sink, table.schema) as writer:
            writer.write_table(table)
        files.append({"filename": name})
    state = {"_data_files": files, "_fingerprint": "f", "_format_type": None, "_split": None}
    (folder / "state.json").write_text(json.dumps(state))
    if info:
        (folder / "dataset_info.json").write_text(json.dumps({"citation": "", "features": features}))
    return folder


@pytest.mark.parametrize("info", [True, False])
def test_hugging_face_class_labels_become_names(tmp_path, info):
    features = {"text": TEXT, "label": LABELS}
    path = save_to_disk(
        tmp_path / "set",
        features,
        {"text": ["good", "bad"], "label": [1, 0]},
        {"text": ["open"], "label": [-1]},
        info=info,
    )
    imported, rows = through(path)
    assert rows.column("label") == ["pos", "neg", None]
    assert imported.left_out == {"labels of -1 in label, which mean no label (the rows stay)": [3]}


def test_hugging_face_splits_become_a_column(tmp_path):
    folder = tmp_path / "dict"
    features = {"text": TEXT, "label": LABELS}
    for name in ("train", "test"):
        save_to_disk(folder / name, features, {"text": [f"{name} text"], "label": [0]})
    (folder / "dataset_dict.json").write_text('{"splits": ["train", "test"]}')
    _, rows = through(folder)
    assert rows.column("split") == ["train", "test"]


@pytest.mark.parametrize("kind", ["Sequence", "List", "old"])
def test_hugging_face_tokens_with_tags_become_texts_with_spans(tmp_path, kind):
    names = {"names": ["O", "B-PER", "I-PER", "B-LOC"], "_type": "ClassLabel"}
    parts = {"names": ["NN", "VB"], "_type": "ClassLabel"}
    wrap = (lambda one: [one]) if kind == "old" else (lambda one: {"feature": one, "_type": kind})
    features = {"tokens": wrap(TEXT), "pos_tags": wrap(parts), "ner_tags": wrap(names)}
    columns = {
        "tokens": [["Ada", "Lovelace", "lived", "in", "London"]],
        "pos_tags": [[0, 0, 1, 0, 0]],
        "ner_tags": [[1, 2, 0, 0, 3]],
    }
    imported, rows = through(save_to_disk(tmp_path / "ner", features, columns))
    assert list(rows.texts) == ["Ada Lovelace lived in London"]
    assert rows.values("spans") == [[[0, 12, "PER"], [22, 28, "LOC"]]]
    assert any("pos_tags" in note for note in imported.notes)


def test_hugging_face_parquet_translations_questions_and_pictures(tmp_path):
    folder = tmp_path / "hub" / "data"
    folder.mkdir(parents=True)
    features = {"translation": {"languages": ["en", "zh"], "_type": "Translation"}, "image": {"_type": "Image"}}
    metadata = {"huggingface": json.dumps({"info": {"features": features}})}
    for split, (en, zh) in {
        "train": ("a good day to you", "祝你今天愉快"),
        "test": ("thank you so much", "非常感谢你"),
    }.items():
        table = pa.table({"translation": [{"en": en, "zh": zh}], "image": [{"bytes": b"x", "path": None}]})
        pq.write_table(table.replace_schema_metadata(metadata), folder / f"{split}-00000-of-00001.parquet")
    imported, rows = through(folder.parent)
    assert set(rows.table.column_names) == {"en", "zh", "split"}
    assert rows.column("split") == ["test", "train"]
    assert any("image holds sound, films or bytes" in note for note in imported.notes)
    squad = {
        "question": ["When?"],
        "context": ["Ada was born in 1815."],
        "answers": [{"text": ["1815"], "answer_start": [16]}],
    }
    pq.write_table(pa.table(squad), tmp_path / "squad.parquet")
    _, rows = through(tmp_path / "squad.parquet")
    assert rows.values("answers") == [[{"text": "1815", "start": 16}]]


def test_images_of_a_hugging_face_data_set_are_kept_in_parquet_with_their_labels(tmp_path):
    photos = sorted((EXAMPLES / "groceries" / "images").iterdir())[:2]
    features = {"image": {"_type": "Image"}, "label": {"_type": "ClassLabel", "names": ["milk", "juice"]}}
    data = [{"bytes": path.read_bytes(), "path": path.name} for path in photos]
    table = pa.table({"image": data, "label": [1, 0]})
    metadata = {"huggingface": json.dumps({"info": {"features": features}})}
    pq.write_table(table.replace_schema_metadata(metadata), tmp_path / "photos.parquet")
    imported = import_rows(tmp_path / "photos.parquet")
    with open_writer(tmp_path / "rows.parquet") as writer:
        for each in imported.tables:
            writer.write(each)
    rows = read(tmp_path / "rows.parquet")
    assert rows.labels == ["juice", "milk"]
    assert [picture.source for picture in rows.pictures] == [path.read_bytes() for path in photos]
    assert imported.notes == ["the column image holds images, which .parquet keeps and other formats do not"]


def test_images_of_label_studio_are_found_beside_the_export(tmp_path):
    (tmp_path / "media" / "upload" / "1").mkdir(parents=True)
    photos = sorted((EXAMPLES / "groceries" / "images").iterdir())[:2]
    shutil.copyfile(photos[0], tmp_path / "media" / "upload" / "1" / "3f2a9c1b-milk.jpg")
    shutil.copyfile(photos[1], tmp_path / "juice box.jpg")
    addresses = [
        "/data/upload/1/3f2a9c1b-milk.jpg",
        "/data/local-files/?d=juice%20box.jpg",
        "/data/upload/1/aaaaaaaa-lost.jpg",
        "https://example.com/cat.jpg",
    ]
    tasks = [
        task(number, "", choice("ab"[number % 2]), data={"image": address})
        for number, address in enumerate(addresses)
    ]
    (tmp_path / "export.json").write_text(json.dumps(tasks), encoding="utf-8")
    imported = import_rows(tmp_path / "export.json")
    [table] = list(imported.tables)
    assert table.to_pylist() == [
        {"image": "media/upload/1/3f2a9c1b-milk.jpg", "label": "a"},
        {"image": "juice box.jpg", "label": "b"},
        {"image": "upload/1/aaaaaaaa-lost.jpg", "label": "a"},
        {"image": None, "label": "b"},
    ]
    assert imported.left_out == {"images at an address of the web or a cloud, which is not asked": [4]}
    assert any(
        "images of 1 tasks are not beside the export (the first is of task 3)" in note
        for note in imported.notes
    )
    both = [task(1, "", choice("a"), data={"text": "a carton", "photo": addresses[0], "id": 7})]
    (tmp_path / "export.json").write_text(json.dumps(both), encoding="utf-8")
    [table] = list(import_rows(tmp_path / "export.json").tables)
    assert table.to_pylist() == [
        {"text": "a carton", "photo": "media/upload/1/3f2a9c1b-milk.jpg", "id": "7", "label": "a"}
    ]


def test_hugging_face_folders_that_are_broken(tmp_path):
    path = save_to_disk(tmp_path / "set", {"label": LABELS}, {"text": ["a"], "label": [0]})
    (path / "data-00000-of-00001.arrow").write_bytes(b"rubbish rubbish rubbish")
    with pytest.raises(UnreadableFileError, match=r"arrow is broken"):
        list(import_rows(path).tables)
    (path / "data-00000-of-00001.arrow").unlink()
    with pytest.raises(UnreadableFileError, match="is missing"):
        import_rows(path, format="huggingface")
    beyond = save_to_disk(tmp_path / "beyond", {"label": LABELS}, {"text": ["a", "b"], "label": [0, 7]})
    with pytest.raises(DataError, match=r"Row 2 .* has 7 in its column 'label', which has 2 names"):
        list(import_rows(beyond).tables)
    several = tmp_path / "several"
    for name in ("a", "b"):
        save_to_disk(several / name, {}, {"text": ["a"]})
    with pytest.raises(DataError, match="several data sets: a, b"):
        import_rows(several)


def test_an_unknown_format_is_reported(tmp_path):
    with pytest.raises(UnreadableFileError, match=r"shape of no format.*'text', 'intent'.*metier check"):
        import_rows(saved(tmp_path, [{"text": "a", "intent": "b"}]))
    with pytest.raises(UnreadableFileError, match="There is no file or folder"):
        import_rows(tmp_path / "none.json")
    with pytest.raises(UnknownNameError, match="Did you mean 'doccano'"):
        import_rows(tmp_path, format="docano")
    with pytest.raises(CallError, match="--text names the text of Label Studio"):
        import_rows(saved(tmp_path, [{"text": "a", "label": ["b"]}], "d.jsonl"), text="body")
    (tmp_path / "empty.json").write_text(" ")
    with pytest.raises(EmptyDataError):
        import_rows(tmp_path / "empty.json")


@pytest.mark.parametrize(
    "document", [{"text": "cut \ud83d", "label": ["a"]}, {"text": "a", "label": [[0, 10**12, "X"]]}]
)
def test_values_that_cannot_be_stored_are_reported_with_their_row(tmp_path, document):
    good = {"text": "good", "label": ["a"] if document["label"] == ["a"] else [[0, 4, "X"]]}
    path = tmp_path / "x.jsonl"
    path.write_text(f"{json.dumps(good)}\n{json.dumps(document)}")
    with pytest.raises(UnreadableFileError, match=r"Row 2 .* that cannot be stored"):
        list(import_rows(path).tables)


@pytest.mark.parametrize("name", [name for name in FORMATS if name not in ("spacy", "huggingface")])
@pytest.mark.parametrize(
    "document", ["[1, 2]", '{"a": 1}', '[{"data": 3, "text": 5, "conversations": 4}]', "[[]]", "{"]
)
def test_random_content_fails_with_a_metier_error(tmp_path, name, document):
    path = tmp_path / "x.json"
    path.write_text(document)
    try:
        rows = sum(table.num_rows for table in import_rows(path, format=name).tables)
    except MetierError:
        return
    assert rows == 0  # The command refuses an empty import.


@pytest.mark.timeout(20)
@pytest.mark.parametrize(
    "piece", ["[", "[a", "[a]", "[a](", "[a](b", "[a](b:", "[a]{", "[a][{", "[](", "[a](:"]
)
@pytest.mark.parametrize("end", ["", "]", ")", ":)", "}"])
def test_marks_of_rasa_are_found_in_linear_time(piece, end):
    began = time.perf_counter()
    list(marks_of(piece * 100_000 + end))
    assert time.perf_counter() - began < 3


def test_marks_of_rasa():
    def found(example):
        return [tuple(mark[2:]) for mark in marks_of(example)]

    assert found("to [Boston](city) from [New York](city:NYC)") == [
        ("Boston", "city", "", ""),
        ("New York", "city", "NYC", ""),
    ]
    assert found('[a]{"entity": "x"} [b][{"entity": "y"}, {"entity": "z"}]') == [
        ("a", "", "", '{"entity": "x"}'),
        ("b", "", "", '{"entity": "y"}, {"entity": "z"}'),
    ]
    assert found("[a] [b](c) [](d) [e]() [f](:g) [h](i") == [("b", "c", "", "")]
    assert found("[[a](b)") == [("[a", "b", "", "")]


@pytest.mark.parametrize(
    ("address", "place", "expected"),
    [
        ("/data/upload/1/3f2a9c1b-x.jpg", "x.jpg", "x.jpg"),
        ("/data/upload/1/3f2a9c1b-x.jpg", "media/upload/1/3f2a9c1b-x.jpg", "media/upload/1/3f2a9c1b-x.jpg"),
        ("/data/local-files/?d=photos%5Ca%20b.jpg", "photos/a b.jpg", "photos/a b.jpg"),
        ("http://host:8080/data/upload/1/3f2a9c1b-x.jpg", "x.jpg", "x.jpg"),
        ("data:image/png;base64,iVBORw0KGgo=", None, "data:image/png;base64,iVBORw0KGgo="),
        ("https://example.com/x.jpg", None, None),
    ],
)
def test_addresses_of_label_studio_are_turned_into_paths_that_are_there(tmp_path, address, place, expected):
    if place is not None:
        (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / place).write_bytes(b"any")
    path = saved(tmp_path, [task(1, "", choice("a"), data={"image": address})])
    imported = import_rows(path)
    [table] = list(imported.tables)
    assert table.column("image").to_pylist() == [expected]
