import pytest

from metier.data import read
from metier.errors import CallError, DataError

TEXTS = [f"this is the text of row {n}" for n in range(40)]
KINDS = ["a", "b", "c", "d"] * 10


@pytest.mark.parametrize(
    ("text", "label"),
    [("text", "label"), ("Message", "INTENT"), ("utterance", "category"), ("标题", "类别"), ("内容", "标签")],
)
def test_roles_are_inferred_from_names_with_a_note(text, label):
    rows = read([{"id": n, text: t, label: k} for n, (t, k) in enumerate(zip(TEXTS, KINDS, strict=True))])
    assert (rows.roles.text, rows.roles.label) == (text, label)
    assert f"text = {text}, inferred (--text)" in rows.notes
    assert f"label = {label}, inferred (--label)" in rows.notes


def test_roles_are_inferred_from_content_where_names_are_unknown():
    rows = read([{"nr": n, "was": t, "art": k} for n, (t, k) in enumerate(zip(TEXTS, KINDS, strict=True))])
    assert (rows.roles.text, rows.roles.label) == ("was", "art")


def test_chinese_texts_are_recognised_by_content():
    texts = ["我的银行卡在哪里呢", "如何更改我的密码", "余额没有更新怎么办", "怎么联系你们的客服"] * 3
    rows = read([{"a": n, "b": f"{t}{n}", "c": "是否"[n % 2]} for n, t in enumerate(texts)])
    assert (rows.roles.text, rows.roles.label) == ("b", "c")


def test_a_strong_name_wins_over_weak_ones():
    rows = read([{"title": "a b", "text": "c d", "topic": "1", "label": "2"}])
    assert (rows.roles.text, rows.roles.label) == ("text", "label")


@pytest.mark.parametrize("name", ["queue", "Department", "priority", "队列", "部门", "工单类型"])
def test_weaker_names_of_labels_are_taken_where_their_values_repeat(name):
    table = [{"text": t, name: k, "lang": "en"} for t, k in zip(TEXTS, KINDS, strict=True)]
    assert read(table).roles.label == name
    assert read([row | {"category": row[name]} for row in table]).roles.label == "category"
    assert read([{"text": row["text"], name: row["text"][-9:]} for row in table]).roles.label is None
    with pytest.raises(DataError, match=rf"may be the label: {name}, team.*--label"):
        read([row | {"team": row[name]} for row in table])


def test_a_label_that_is_called_like_a_column_is_no_header(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text("".join(f"{t},{'queue' if n % 2 else 'status'}\n" for n, t in enumerate(TEXTS)))
    assert len(read(path, text="column_1", label="column_2")) == len(TEXTS)


def test_two_likely_columns_are_listed_and_not_guessed():
    with pytest.raises(DataError, match=r"may be the text: title, content.*--text"):
        read([{"title": "a b", "content": "c d", "label": "x"}])
    with pytest.raises(DataError, match=r"may be the label: category, intent.*--label"):
        read([{"text": "a b", "category": "c", "intent": "x"}])


def test_no_text_lists_the_columns():
    with pytest.raises(DataError, match=r"has: a, b.*first line that names the columns"):
        read([{"a": n, "b": 2 * n} for n in range(9)])


def test_a_named_column_resolves_ambiguity_without_a_note():
    rows = read([{"title": "a b", "content": "c d", "label": "x"}], text="content")
    assert rows.roles.text == "content"
    assert not any(note.startswith("text =") for note in rows.notes)


def test_group_time_and_split_are_inferred_with_their_effects():
    rows = read(
        [
            {
                "text": t,
                "label": k,
                "customer_id": n // 4,
                "date": f"2026-01-{n % 28 + 1:02d}",
                "split": "train",
            }
            for n, (t, k) in enumerate(zip(TEXTS, KINDS, strict=True))
        ]
    )
    assert (rows.roles.group, rows.roles.time, rows.roles.split) == ("customer_id", "date", "split")
    for flag in ("--group none", "--time none", "--split none"):
        assert any(flag in note for note in rows.notes)


def test_unique_ids_are_not_a_group_and_other_values_are_not_a_split():
    rows = read(
        [{"text": t, "label": k, "user_id": t, "split": "3"} for t, k in zip(TEXTS, KINDS, strict=True)]
    )
    assert (rows.roles.group, rows.roles.split) == (None, None)


def test_none_removes_a_role():
    source = [
        {"text": t, "label": k, "group": n // 2} for n, (t, k) in enumerate(zip(TEXTS, KINDS, strict=True))
    ]
    rows = read(source, group="none", label="none")
    assert (rows.roles.group, rows.roles.label) == (None, None)
    with pytest.raises(CallError, match="--text none"):
        read(source, text="none")


def test_one_column_has_one_role():
    with pytest.raises(CallError, match="cannot be both"):
        read([{"text": "a b", "label": "x"}], text="text", label="text")
