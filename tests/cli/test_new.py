import json

from metier.cli import program


def test_a_task_is_proposed_and_said_as_json(tmp_path, capsys):
    assert program.run(["new", "sort our tickets by urgency", "--output", str(tmp_path / "t"), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["task"] == "ordinal"
    assert [one["name"] for one in found["labels"]] == ["low", "normal", "high", "critical"]
    assert found["files"] == ["descriptions.json", "guide.md", "settings.yaml"]


def test_it_speaks_chinese(tmp_path, capsys):
    assert program.run(["new", "把工单按紧急程度分类", "--output", str(tmp_path / "t"), "--lang", "zh"]) == 0
    out = capsys.readouterr().out
    assert "由模板提出：ordinal" in out
    assert "下一步" in out


def test_a_folder_that_holds_something_stays_as_it_is(tmp_path, capsys):
    (tmp_path / "notes.txt").write_text("mine")
    assert program.run(["new", "sort our tickets by urgency", "--output", str(tmp_path)]) == 2
    assert "nothing in it is replaced" in capsys.readouterr().err
    assert [one.name for one in tmp_path.iterdir()] == ["notes.txt"]


def test_a_sentence_without_a_task_is_refused_in_chinese(tmp_path, capsys):
    assert program.run(["new", "你好", "--output", str(tmp_path / "t"), "--lang", "zh"]) == 2
    assert "没有说明" in capsys.readouterr().err
    assert not (tmp_path / "t").exists()


def test_a_folder_that_cannot_be_made_is_said(tmp_path, capsys):
    (tmp_path / "notes.txt").write_text("mine")
    folder = tmp_path / "notes.txt" / "task"
    assert program.run(["new", "sort our tickets by urgency", "--output", str(folder)]) == 1
    assert "notes.txt is a file" in capsys.readouterr().err
    assert [one.name for one in tmp_path.iterdir()] == ["notes.txt"]
