"""What stands in rows, names of files and labels never acts on the terminal."""

import ast
import io
import json
import re
import shutil
from pathlib import Path

import pytest
from rich.table import Table

import metier.cli
from metier.bundles import ManifestFacts, seal
from metier.cli import program
from metier.cli.console import ProgressLines, SafeConsole
from metier.printable import printable, printable_json
from metier.progress import Progress
from metier.runs.run_folder import RunFolder

EVIL = "\x1b]0;owned\x07a\x9b31m\u202eb\u2066c\rd"
UNSAFE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
SEALED = Path(__file__).parents[1] / "bundles" / "sealed_71959d8"


def shown(capsys, *args):
    code = program.run(list(map(str, args)))
    out, err = capsys.readouterr()
    assert UNSAFE.search(out + err) is None, (out, err)
    return code, out + err


def test_signs_are_shown_by_their_numbers():
    assert printable("a\x1b[2Jb\u202ec\x85\x7f") == "a\\x1b[2Jb\\u202ec\\x85\\x7f"
    assert printable("line\nnext\tعربي 中文 👩\u200d💻") == "line\nnext\tعربي 中文 👩\u200d💻"
    text = printable_json({EVIL: [EVIL]}, indent=1)
    assert UNSAFE.search(text) is None
    assert json.loads(text) == {EVIL: [EVIL]}


def test_texts_and_labels_that_are_predicted(capsys, tmp_path):
    folder = tmp_path / "bundle"
    shutil.copytree(SEALED / "linear.v1", folder)
    labels = [f"{EVIL}{number}" for number in range(3)]
    facts = json.loads((folder / "predictor.json").read_text("utf-8"))
    (folder / "predictor.json").write_text(json.dumps(facts | {"labels": labels}), "utf-8")
    sealed = json.loads((folder / "manifest.json").read_text("utf-8"))
    sealed["task"]["labels"] = labels
    seal(
        folder,
        ManifestFacts.model_validate({key: sealed[key] for key in ManifestFacts.model_fields if key in sealed}),
    )
    for more in ((), ("--json",), ("--top", "2")):
        assert shown(capsys, "predict", folder, "one" + EVIL, "two" + EVIL, *more)[0] == 0
    code, out = shown(capsys, "predict", SEALED / "linear.v1", "one" + EVIL, "two" + EVIL)
    assert code == 0
    assert "one\\x1b]0;owned" in out


@pytest.mark.parametrize("more", [(), ("--json",)])
def test_labels_columns_and_names_that_are_checked(capsys, tmp_path, more):
    source = tmp_path / f"rows{EVIL}.jsonl"
    rows = [{"text": f"{EVIL} {n} words", "label": f"{EVIL}{n % 2}", f"c{EVIL}": EVIL} for n in range(40)]
    rows += [{"text": EVIL, "label": "once" + EVIL, f"c{EVIL}": EVIL}]
    source.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    assert "x1b" in shown(capsys, "check", source, *more)[1] or more
    assert "\\x1b" in shown(capsys, "check", tmp_path / f"none{EVIL}.csv")[1]
    assert "\\x1b" in shown(capsys, "check", source, "--text", EVIL)[1]


def test_runs_and_their_logs(capsys, tmp_path):
    folder = tmp_path / f"run{EVIL}"
    for part in ("candidates", "answers", "checkpoints"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    (folder / "settings.yaml").write_text(json.dumps({"task": f"t{EVIL}"}), "utf-8")
    (folder / "data.json").write_text("{}", "utf-8")
    shown(capsys, "runs", "list", tmp_path)
    shown(capsys, "runs", "show", folder)
    RunFolder.open(folder).log(f"candidate {EVIL}")
    assert UNSAFE.search((folder / "train.log").read_text("utf-8")) is None


def test_tables_and_live_lines_keep_their_own_colours_alone():
    stream = io.StringIO()
    console = SafeConsole(file=stream, force_terminal=True, color_system="standard", width=80)
    table = Table("head" + EVIL)
    table.add_row(EVIL, style="red")
    console.print(table)
    with ProgressLines(console) as listener:
        listener(Progress("step" + EVIL, 1, 2, "rows"))
    left = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", stream.getvalue()).replace("\r", "")
    assert "\\x1b]0;owned" in left
    assert UNSAFE.search(left) is None


def test_commands_print_by_the_console_alone():
    places = []
    for path in sorted(Path(metier.cli.__file__).parent.glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            name = ast.unparse(node.func) if isinstance(node, ast.Call) else ""
            if name in ("print", "click.echo", "Console", "sys.stdout.write", "sys.stderr.write"):
                places.append((path.name, name))
    assert sorted(set(places)) == [("printing.py", "print")]
