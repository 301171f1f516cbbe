"""Files in the forms that tools and people write (`cases/README.md`): read right, or refused with the reason."""

import json
from datetime import date
from pathlib import Path

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from metier.audit import examine
from metier.data import iterate, open_writer, read, read_alike, split_rows
from metier.data.importers import import_rows
from metier.errors import BrokenRowError, BrokenValueError, DataError, MissingColumnError, MissingExtraError

CASES = Path(__file__).parent / "cases"


def imported(name):
    """Import a case: the rows as dicts, and the import."""
    found = import_rows(CASES / name)
    return [row for table in found.tables for row in table.to_pylist()], found


def noted(rows, words):
    return [note for note in rows.notes if words in note]


def written(tmp_path, name, *records):
    path = tmp_path / name
    path.write_text("\n".join(json.dumps(record, ensure_ascii=False) for record in records), encoding="utf-8")
    return path


# Labels as zeros and ones


def test_zeros_and_ones_in_a_list_are_places_of_labels():
    rows = read(CASES / "multi_hot/train.jsonl")
    named = read(CASES / "multi_hot/named.jsonl")
    assert rows.column("labels")[0] == ["label_0", "label_3"]
    names = {"label_0": "toxic", "label_1": "threat", "label_2": "praise", "label_3": "ask"}
    assert [sorted(names[label] for label in own) for own in rows.column("labels")] == [
        sorted(own) for own in named.column("labels")
    ]
    assert noted(rows, "label_0, label_1, label_2, label_3 (--label-names)")


def test_zeros_and_ones_in_a_list_take_the_names_that_are_given():
    names = ("toxic", "threat", "praise", "ask")
    rows = read(CASES / "multi_hot/train.jsonl", label_names=names)
    named = read(CASES / "multi_hot/named.jsonl")
    assert list(map(sorted, rows.column("labels"))) == list(map(sorted, named.column("labels")))
    assert read_alike(CASES / "multi_hot/train.jsonl", rows, label_names=names).column("labels") == rows.column(
        "labels"
    )


@pytest.mark.parametrize("names", [["toxic", "threat"], ["toxic", "toxic", "praise", "ask"], list("abcde")])
def test_other_than_one_name_for_each_place_is_refused(names):
    with pytest.raises(
        DataError, match=r"lists of 4 zeros and ones, and the label names are \d different ones.*Give 4"
    ):
        read(CASES / "multi_hot/train.jsonl", label_names=names)


@pytest.mark.parametrize("bits", [[1.0, 0.0, 1.0], [True, False, True], "1,0,1", "1|0|1"])
def test_zeros_and_ones_in_other_types(tmp_path, bits):
    other = [0.0, 0.0, 1.0] if isinstance(bits, list) else bits.replace("1", "0", 1)
    path = written(tmp_path, "a.jsonl", {"text": "a b", "labels": bits}, {"text": "c d", "labels": other})
    assert read(path).column("labels") == [["label_0", "label_2"], ["label_2"]]


def test_a_row_with_more_zeros_and_ones_is_named(tmp_path):
    path = written(tmp_path, "a.jsonl", {"text": "a", "labels": [1, 0]}, {"text": "b", "labels": [1, 0, 0]})
    with pytest.raises(BrokenValueError, match=r"row 2.*3 zeros and ones where the first row has 2"):
        read(path)


def test_lists_of_ids_stay_labels(tmp_path):
    path = written(tmp_path, "a.jsonl", {"text": "a", "labels": [0]}, {"text": "b", "labels": [1, 0]})
    assert read(path).column("labels") == [["0"], ["0", "1"]]


def test_columns_of_zeros_and_ones_are_labels_by_their_names():
    rows = read(CASES / "multi_hot/columns.csv")
    named = read(CASES / "multi_hot/named.jsonl")
    assert [sorted(own) for own in rows.column("labels")] == [sorted(own) for own in named.column("labels")]
    assert noted(rows, "the columns toxic, threat, praise, ask")


def test_test_rows_have_the_same_columns_of_labels(tmp_path):
    rows = read(CASES / "multi_hot/columns.csv")
    path = tmp_path / "test.csv"
    path.write_text("id,comment_text,toxic,threat,praise,ask\n1,a b,0,0,0,1\n2,c d,0,0,0,0\n", encoding="utf-8")
    assert read_alike(path, rows).column("labels") == [["ask"], []]


def test_columns_of_labels_can_be_listed(tmp_path):
    path = CASES / "multi_hot/columns.csv"
    rows = read(path, labels="toxic,ask")
    assert sorted(rows.column("labels")[0]) == ["ask", "toxic"]
    assert {label for own in rows.column("labels") for label in own} == {"toxic", "ask"}
    with pytest.raises(MissingColumnError, match="no column 'rude'"):
        read(path, labels="toxic,rude")


def test_one_named_column_of_zeros_and_ones_stays_a_label():
    assert set(read(CASES / "multi_hot/columns.csv", label="toxic").labels) == {"0", "1"}


def test_flags_beside_a_label_are_no_labels(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("text,label,long,reply\na b,x,0,1\nc d,y,1,0\n", encoding="utf-8")
    assert read(path).roles.labels is None


# Names of intents


def test_intents_are_named_as_they_are_written():
    rows, _ = imported("rasa_words/nlu.yml")
    assert list(dict.fromkeys(row["label"] for row in rows)) == ["yes", "no", "off", "007", "book"]
    assert {row["text"] for row in rows if row["label"] == "007"} == {"call the agent", "who is the spy"}


def test_examples_that_look_like_numbers_are_texts(tmp_path):
    path = tmp_path / "nlu.yml"
    path.write_text("nlu:\n- intent: pin\n  examples:\n  - text: 0123\n  - on\n", encoding="utf-8")
    found = import_rows(path)
    assert [row["text"] for table in found.tables for row in table.to_pylist()] == ["0123", "on"]


# What is said of spans


def test_choices_and_texts_of_spans_are_not_of_the_text():
    rows, found = imported("label_studio_regions/project.json")
    assert [row["label"] for row in rows] == ["electronics", "kitchen", "other"]
    assert set(rows[0]) == {"text", "spans", "label"}
    assert {why: len(numbers) for why, numbers in found.left_out.items()} == {
        "choices of spans (polarity)": 3,
        "textarea of spans (entity_id)": 3,
    }


def test_without_choices_of_the_text_there_is_no_label():
    rows, _ = imported("label_studio_regions/project_regions_only.json")
    assert [set(row) for row in rows] == [{"text", "spans"}] * 3


def test_choices_of_spans_in_the_short_export(tmp_path):
    edges = {"start": 0, "end": 5, "text": "Zelta"}
    task = {
        "id": 1, "annotation_id": 1, "annotator": 1, "lead_time": 1.0, "text": "Zelta is good",
        "brand": [edges | {"labels": ["BRAND"]}], "sentiment": [edges | {"choices": ["positive"]}],
    }  # fmt: skip
    path = tmp_path / "min.json"
    path.write_text(json.dumps([task]), encoding="utf-8")
    found = import_rows(path)
    (row,) = [row for table in found.tables for row in table.to_pylist()]
    assert set(row) == {"text", "spans"}
    assert found.left_out == {"choices of spans (sentiment)": [1]}


# Answers in passages


def test_an_unknown_offset_is_found_and_a_wrong_one_is_refused():
    rows = read(CASES / "squad_forms/minus_one.json")
    assert rows.column("answers")[3] == [{"text": "Ilse Brandt", "start": 54}]
    with pytest.raises(BrokenValueError, match=r"row 4.*not at its offset 56.*occurrence is at 54"):
        read(CASES / "squad_forms/off_by_two.json")
    with pytest.raises(BrokenValueError, match=r"row 4.*'Ilse Brand-Meyer' is not in its passage"):
        read(CASES / "squad_forms/not_there.json")


def test_answers_in_columns_are_all_kept(tmp_path):
    rows = read(CASES / "squad_forms/hub.jsonl")
    assert [len(own) for own in rows.column("answers")] == [1, 0, 2]
    document = json.loads((CASES / "squad_forms/v2.json").read_text(encoding="utf-8"))
    questions = document["data"][0]["paragraphs"][0]["qas"]
    for question in questions:
        question["answers"] = {
            name: [answer[name] for answer in question["answers"]] for name in ("text", "answer_start")
        }
    path = tmp_path / "columns.json"
    path.write_text(json.dumps(document), encoding="utf-8")
    assert read(path).column("answers") == read(CASES / "squad_forms/v2.json").column("answers")


def hub_row(**answers):
    return {"context": "It opened in 1931 by a brook.", "question": "When?", "answers": answers}


def test_answers_without_offsets_are_found(tmp_path):
    path = written(tmp_path, "a.jsonl", hub_row(text=["1931"]), hub_row(text=["brook"], answer_start=None))
    assert read(path).column("answers") == [[{"text": "1931", "start": 13}], [{"text": "brook", "start": 23}]]


def test_fewer_offsets_than_answers_are_refused(tmp_path):
    path = written(tmp_path, "a.jsonl", hub_row(text=["1931", "brook"], answer_start=[13]))
    with pytest.raises(BrokenValueError, match=r"row 1.*2 texts of answers and 1 offset "):
        read(path)


def test_an_answer_of_an_impossible_question_is_refused(tmp_path):
    document = json.loads((CASES / "squad_forms/v2.json").read_text(encoding="utf-8"))
    document["data"][0]["paragraphs"][0]["qas"][0]["is_impossible"] = True
    path = tmp_path / "both.json"
    path.write_text(json.dumps(document), encoding="utf-8")
    with pytest.raises(DataError, match=r"question 1 \(id q1\) is marked is_impossible, but has answers"):
        read(path)


# Tables without names, and Excel's first line


@pytest.mark.parametrize("name", ["train.tsv", "train.txt", "train_utf16.txt"])
def test_a_first_line_that_is_a_row_is_no_header(name):
    rows = read(CASES / "no_header" / name)
    assert len(rows) == 120
    assert rows.labels[:3] == ["体育", "财经", "科技"]
    assert noted(rows, "no line that names the columns")
    assert len(read_alike(CASES / "no_header" / name, rows)) == 120


def test_names_in_utf_16_are_names():
    rows = read(CASES / "no_header/with_header_utf16.txt")
    assert (len(rows), rows.roles.text, rows.roles.label) == (120, "text", "label")


def test_labels_of_fasttext_begin_the_line(tmp_path):
    rows = read(CASES / "no_header/fasttext.txt")
    assert rows.labels[:3] == ["体育", "财经", "科技"]
    assert not rows.texts[0].startswith("__label__")
    path = tmp_path / "several.txt"
    path.write_text("__label__a __label__b one text\n__label__a other\n", encoding="utf-8")
    assert read(path).column("labels") == [["a", "b"], ["a"]]


def table(tmp_path, text, name="a.csv"):
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return path


def test_the_flag_decides_about_names(tmp_path):
    path = table(tmp_path, "one long text here,x\nother long text here,y\n")
    assert len(read(path)) == 1
    rows = read(path, header=False, text="column_1", label="column_2")
    assert rows.labels == ["x", "y"]
    path = table(tmp_path, "thing kind,x y\nthing kind,x y\nother kind,x y\n")
    assert len(read(path, text="column_1", label="none")) == 3
    assert len(read(path, header=True, text="thing kind", label="none")) == 2


def test_numbers_are_a_row_where_the_column_holds_numbers(tmp_path):
    path = table(tmp_path, "a first text,0.5\na second text,0.75\na third text,1\n")
    assert len(read(path, text="column_1")) == 3
    path = table(tmp_path, "0,1\na second text,0\na third text,1\n")
    assert read(path).table.column_names == ["0", "1"]


@pytest.mark.parametrize("name", ["excel.csv", "comma.csv", "plain.csv"])
def test_the_delimiter_that_excel_states_is_obeyed(name):
    rows = read(CASES / "excel_sep_line" / name)
    assert len(rows) == 60
    assert set(rows.labels) == {"billing", "delivery"}
    assert rows.texts[0] == "the bill 0 is wrong; please check"


def test_lines_keep_their_numbers_below_the_stated_delimiter(tmp_path):
    with pytest.raises(BrokenRowError, match="line 4: found 3 fields"):
        read(table(tmp_path, "sep=;\ntext;label\na b;x\nc;d;y\n"))


# All faults of a file at once


def test_all_broken_lines_are_counted_and_five_shown(tmp_path):
    lines = ["text,label", "a b,x", *["a,b,x"] * 7]
    with pytest.raises(
        BrokenRowError, match=r"line 3: (?s:.*)7 lines have faults(?s:.*)line 7: (?s:.*)… and 2 more"
    ):
        read(table(tmp_path, "\n".join(lines)))
    with pytest.raises(
        BrokenRowError, match=r"2 lines have faults:\n  line 2: (?s:.*)\n  line 3: found a list"
    ):
        read(table(tmp_path, '{"text": "a"}\n{"text"\n[1]\n', "a.jsonl"))


# CoNLL


def test_comments_are_skipped_and_the_column_of_tags_is_named():
    for name in ("train.conll", "train.tsv", "nocomment.conll"):
        path = CASES / "conll_comments_and_columns" / name
        with pytest.raises(DataError, match=r"2 columns of tags: column_3 \(.*ORG.*\); column_4 \(LOC\)"):
            read(path)
        outer, inner = read(path, spans="column_3"), read(path, spans="column_4")
        assert len(outer) == 60
        assert outer.texts[0] == "Der FC Kicker0 Bonnstadt siegte ."
        assert [(span["start"], span["label"]) for span in outer.column("spans")[0]] == [(4, "ORG")]
        assert [(span["start"], span["label"]) for span in inner.column("spans")[0]] == [(15, "LOC")]
        assert noted(inner, "tag in column 4 of 4")
        assert read_alike(path, inner).column("spans") == inner.column("spans")


def test_tabs_at_the_end_of_a_line_separate_nothing():
    clean = read(CASES / "conll_trailing_tabs/clean.conll")
    tabs = read(CASES / "conll_trailing_tabs/trailing_tab.conll")
    assert list(tabs.texts) == list(clean.texts)
    assert tabs.column("spans") == clean.column("spans")
    with pytest.raises(
        BrokenRowError, match=r"line 2: found 5 columns where the lines before have 4 .'Last Name0"
    ):
        read(CASES / "conll_trailing_tabs/space_in_token.conll")


@pytest.mark.parametrize(
    ("name", "space"),
    [("tab_space", " "), ("tab_nbsp", "\xa0"), ("tab_ideographic", "\u3000"), ("space_ideographic", "\u3000")],
)
def test_a_space_is_a_token_where_the_separator_is_another(name, space):
    rows = read(CASES / f"conll_blank_tokens/{name}.conll")
    assert rows.texts[0] == f"项目：甲项目{space}乙项目。"
    assert [(span["start"], span["end"]) for span in rows.column("spans")[0]] == [(3, 6), (7, 10)]


@pytest.mark.parametrize("name", ["tab_empty", "space_space"])
def test_lines_without_a_token_are_counted_or_left_out(name):
    path = CASES / f"conll_blank_tokens/{name}.conll"
    with pytest.raises(
        BrokenRowError, match=r"line 7: the token is empty.*--repair(?s:.*)line 55: (?s:.*)… and \d"
    ):
        read(path)
    rows = read(path, repair=True)
    assert rows.texts[0] == "项目：甲项目乙项目。"
    assert noted(rows, f"repair left out {len(rows)} lines whose token is blank")


# Conversations


def test_conversations_of_several_tools_are_converted_and_the_rest_is_counted():
    rows, found = imported("chat_forms/sharegpt.json")
    assert len(rows) == 4
    assert [(turn["role"], turn["content"]) for turn in rows[0]["messages"]][2:4] == [
        ("assistant", '{"name":"weather","arguments":{"city":"Oslo"}}'),
        ("tool", '{"t":3}'),
    ]
    assert found.left_out == {
        "descriptions of tools": [1],
        "conversations without an assistant turn": [3],
        "conversations without a turn": [4],
        "conversations with an empty last answer": [7],
    }


def test_parts_and_calls_of_tools_are_text():
    rows = read(CASES / "chat_forms/openai.jsonl")
    assert rows.texts[0] == "parts of\na text"
    assert rows.column("messages")[1][1:] == [
        {"role": "assistant", "content": '{"name": "f", "arguments": "{}"}'},
        {"role": "tool", "content": "7"},
    ]
    assert rows.column("target") == ["ok", "seven"]
    assert [row["messages"][-1]["content"] for row in imported("chat_forms/openai.jsonl")[0]] == ["ok", "seven"]


def test_a_part_that_is_no_text_is_named(tmp_path):
    turns = [
        {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "u"}}]},
        {"role": "assistant", "content": "a"},
    ]
    path = written(tmp_path, "a.jsonl", {"messages": turns})
    with pytest.raises(BrokenValueError, match=r"row 1.*not text \(image_url\)"):
        read(path)
    found = import_rows(
        written(
            tmp_path,
            "b.jsonl",
            {"messages": turns},
            {"messages": [{"role": "user", "content": "q"}, *turns[1:]]},
        )
    )
    assert sum(table.num_rows for table in found.tables) == 1
    assert found.left_out == {"conversations with a part that is not text": [1]}


def test_one_empty_conversation_is_named_and_the_others_are_read():
    with pytest.raises(BrokenValueError, match=r"row 4, column 'conversations': there is no turn"):
        read(CASES / "chat_forms/sharegpt.json")
    assert len(read(CASES / "chat_forms/sharegpt.json", repair=True)) == 6


def test_an_item_of_alpaca_without_an_output_is_counted():
    rows, found = imported("chat_forms/alpaca_nolist.json")
    assert [row["target"] for row in rows] == ["a b", "done", "ok"]
    assert found.left_out == {"items with an empty output": [3]}


# Parquet


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("cat", "channel is a categorical"),
        ("none", "note: no row"),
        ("session", "session_id: no row"),
        ("plain", ""),
    ],
)
def test_parquet_of_pandas_is_examined_as_text(name, said):
    rows = read(CASES / f"pandas_parquet/frame_{name}.parquet")
    assert (rows.roles.text, rows.roles.label, rows.roles.group) == ("text", "label", None)
    assert not examine(rows).has_errors
    assert bool(noted(rows, said)) or not said
    splits = split_rows(rows, random_state=0)
    assert sum(map(len, (splits.train, splits.validation, splits.test))) == len(rows) == 90


def test_a_categorical_label_is_a_label():
    column = pa.array(["a", "b", None]).dictionary_encode()
    assert read(pa.table({"text": ["x y", "y z", "z x"], "label": column})).column("label") == ["a", "b", None]


# Rows that go through to another file


def test_columns_of_json_lines_are_written_as_they_were(tmp_path):
    records = [
        {
            "text": "a b",
            "n": 0,
            "f": 1.0,
            "ids": [1, 2],
            "flag": False,
            "mixed": "0",
            "o": {"k": None},
            "s": "x",
        },
        {"text": "c d", "n": 7, "f": 2.5, "ids": [], "flag": True, "mixed": 0, "o": None, "s": "1"},
    ]
    source = written(tmp_path, "a.jsonl", *records)
    for batch_rows in (1, 10):
        with open_writer(tmp_path / "b.jsonl") as writer:
            for rows in iterate(source, batch_rows):
                writer.write(rows.table.append_column("label", pa.array(["x"] * len(rows))))
        lines = (tmp_path / "b.jsonl").read_text(encoding="utf-8").splitlines()
        assert [json.loads(line) for line in lines] == [{**record, "label": "x"} for record in records]
    with open_writer(tmp_path / "b.parquet") as writer:
        for rows in iterate(source, 1):
            writer.write(rows.table)
    assert all(
        field.metadata is None or b"metier.given" not in field.metadata
        for field in pq.read_schema(tmp_path / "b.parquet")
    )


# Numbers and pairs


def test_scores_may_have_a_decimal_comma(tmp_path):
    rows = read(table(tmp_path, 'text;score\na b;"3,5"\nc d;4\ne f;-0,25\n'))
    assert rows.column("score") == [3.5, 4.0, -0.25]
    assert noted(rows, "the numbers in score have a decimal comma")


def test_a_comma_that_may_part_thousands_is_refused(tmp_path):
    with pytest.raises(BrokenValueError, match="'1,250' is not a number"):
        read(table(tmp_path, "text;score\na b;1,250\nc d;4\n"), score="score")
    with pytest.raises(BrokenValueError, match="'3,5' is not a number"):
        read(table(tmp_path, "text;score\na b;3,5\nc d;4.5\n"), score="score")


def test_a_question_and_its_answer_with_a_label_are_a_pair(tmp_path):
    rows = read(table(tmp_path, "question,answer,label\nwho are you,it is me,1\nwhere is it,over there,0\n"))
    assert (rows.roles.text, rows.roles.text_pair, rows.roles.label) == ("question", "answer", "label")
    rows = read(table(tmp_path, "question,answer\nwho are you,it is me\nwhere is it,over there\n"))
    assert (rows.roles.text, rows.roles.target) == ("question", "answer")


# Excel


def test_a_workbook_is_written_and_read(tmp_path):
    source = pa.table({"text": ["a b", "c d"], "label": ["007", None], "n": [1, 2], "f": [0.5, None]})
    with open_writer(tmp_path / "a.xlsx") as writer:
        writer.write(source)
        writer.write(source.slice(0, 1))
    rows = read(tmp_path / "a.xlsx")
    assert rows.column("label") == ["007", None, "007"]
    assert rows.table.column("n").to_pylist() == ["1", "2", "1"]
    (given,) = iterate(tmp_path / "a.xlsx")
    with open_writer(tmp_path / "b.jsonl") as writer:
        writer.write(given.table)
    assert json.loads((tmp_path / "b.jsonl").read_text().splitlines()[0])["n"] == 1


def test_a_workbook_without_names_and_with_several_sheets(tmp_path):
    book = openpyxl.Workbook()
    sheet = book.create_sheet("data")
    for row in (["first text", "x", date(2026, 5, 4)], ["other text", "x", None], ["more text", "y", None]):
        sheet.append(row)
    book.save(tmp_path / "a.xlsx")
    rows = read(tmp_path / "a.xlsx", text="column_1", label="column_2")
    assert rows.labels == ["x", "x", "y"]
    assert rows.table.column("column_3")[0].as_py().startswith("2026-05-04")
    assert noted(rows, "the sheet data is read, of 2 (Sheet)")


def test_without_openpyxl_its_extra_is_named(tmp_path, monkeypatch):
    with open_writer(tmp_path / "a.xlsx") as writer:
        writer.write(pa.table({"text": ["a b"]}))
    monkeypatch.setattr("metier.data.formats.excel.find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"pip install 'metier\[excel\]'"):
        read(tmp_path / "a.xlsx")
