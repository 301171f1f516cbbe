"""The documents say what the code does: snippets run, commands and flags exist, both READMEs agree."""

import csv
import importlib.util
import inspect
import itertools
import json
import re
import shlex
import socket
import subprocess
import sys
from pathlib import Path

import click
import pytest

from metier.cli.commands import COMMANDS, CommandTable
from metier.cli.train import _settings

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", ROOT / "README.zh.md", *sorted((ROOT / "docs").rglob("*.md"))]
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def blocks(page, language):
    return [code for kind, code in BLOCK.findall(page.read_text(encoding="utf-8")) if kind == language]


def with_python():
    """The pages of docs/extending add to the source: tests/extending runs them."""
    return [page for page in PAGES if "extending" not in page.parts and blocks(page, "python")]


LARGE = ("banking77", "csl_category_zh")  # On all of their rows a page takes a minute.
N_LABELS = 8
MOST_ROWS = 60  # Of each of these labels.


@pytest.fixture(scope="module")
def examples(tmp_path_factory):
    """The examples as they are, but of the large data sets some rows of some labels: no page says how many there are."""
    folder = tmp_path_factory.mktemp("fewer") / "examples"
    folder.mkdir()
    for path in (ROOT / "examples").iterdir():
        if path.name not in LARGE:
            (folder / path.name).symlink_to(path)
            continue
        (folder / path.name).mkdir()
        for file in path.glob("*.csv"):
            _keep_some(file, folder / path.name / file.name)
    return folder


def _keep_some(file, target):
    with (
        file.open(encoding="utf-8", newline="") as whole,
        target.open("w", encoding="utf-8", newline="") as part,
    ):
        rows = list(csv.DictReader(whole))
        written = csv.DictWriter(part, rows[0].keys())
        written.writeheader()
        for label in sorted({row["label"] for row in rows})[:N_LABELS]:
            written.writerows([row for row in rows if row["label"] == label][:MOST_ROWS])


@pytest.mark.parametrize("page", with_python(), ids=lambda page: str(page.relative_to(ROOT)))
def test_python_blocks_of_a_page_run_in_order(page, examples, tmp_path, monkeypatch):
    (tmp_path / "examples").symlink_to(examples)
    monkeypatch.chdir(tmp_path)
    space = {"__name__": "page"}
    for code in blocks(page, "python"):
        exec(compile(code, str(page), "exec"), space)
    assert any(not name.startswith("__") for name in space), "the page's blocks left nothing behind"


def called():
    for page in PAGES:
        for kind in ("console", "bash", "sh"):
            for block in blocks(page, kind):
                for line in block.replace("\\\n", " ").splitlines():
                    line = line.removeprefix("$ ").split("   #")[0].strip()
                    if line.startswith("metier "):
                        yield pytest.param(line, id=f"{page.name}: {line[:60]}")


@pytest.mark.parametrize("line", list(called()))
def test_commands_on_a_page_exist_with_their_flags(line):
    words = shlex.split(line)
    group = CommandTable("metier")
    if words[1].startswith("-"):
        assert words[1] in ("--help", "--version")
        return
    assert words[1] in COMMANDS
    command = group.get_command(click.Context(group), words[1])
    if isinstance(command, click.Group):
        assert words[2] in command.commands
        command = command.commands[words[2]]
    flags = {flag for option in command.params for flag in (*option.opts, *option.secondary_opts)} | {"--help"}
    unknown = [word for word in words[2:] if word.startswith("--") and word.split("=")[0] not in flags]
    assert not unknown


@pytest.mark.parametrize("line", [each for each in called() if each.values[0].startswith("metier train ")])
def test_settings_on_a_page_are_taken(line):
    group = CommandTable("metier")
    command = group.get_command(click.Context(group), "train")
    flags = command.make_context("train", shlex.split(line)[2:]).params
    own = set(inspect.signature(command.callback).parameters) - {"flags"}  # Of the command, not of the run.
    settings = {name: value for name, value in flags.items() if name not in own}
    assert _settings(None, flags["overrides"], {"train": flags["file"]} | settings)


@pytest.mark.parametrize("readme", ["README.md", "README.zh.md"])
def test_a_readme_names_every_command(readme):
    text = (ROOT / readme).read_text(encoding="utf-8")
    pages = [page.name for page in (ROOT / "docs" / "commands").glob("*.md")]
    assert [name for name in pages if f"(docs/commands/{name})" not in text] == []


@pytest.mark.parametrize("script", ["benchmark_page", "command_pages", "method_pages"])
def test_written_pages_are_what_the_code_says(script):
    path = ROOT / "scripts" / f"{script}.py"
    specification = importlib.util.spec_from_file_location(script, path)
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    stale = [
        page.name
        for page, text in module.pages().items()
        if not page.exists() or page.read_text("utf-8") != text
    ]
    assert not stale, f"run: python scripts/{script}.py"


def test_both_readmes_have_the_same_headings_and_commands():
    english, chinese = (ROOT / name for name in ("README.md", "README.zh.md"))

    def skeleton(page):
        text = page.read_text(encoding="utf-8")
        outside = BLOCK.sub("", text)
        levels = [len(marks) for marks in re.findall(r"^(#+) ", outside, re.MULTILINE)]
        commands = [
            _without_rows(line.split("#")[0].strip())
            for kind in ("console", "bash", "sh", "python")
            for block in blocks(page, kind)
            for line in block.splitlines()
            if line.startswith(("$ ", "make ", "metier ", "pip "))
        ]
        return levels, commands

    assert skeleton(english) == skeleton(chinese)


def _without_rows(line):
    """A command without what is another in each language: texts, files and runs; Python stays as it is."""
    own = re.compile(r"""examples/\S+|runs/\S+|"[^"]*"|'\{.*\}'""")
    return own.sub("…", line) if line.startswith("$ ") else line


def steps_of(page):
    """The commands of a page in order, as words."""
    for kind, block in BLOCK.findall(page.read_text(encoding="utf-8")):
        if kind in ("console", "bash", "sh"):
            for line in block.replace("\\\n", " ").splitlines():
                yield shlex.split(line.removeprefix("$ "), comments=True)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_name_files_that_are_there_and_runs_that_were_made_before(page):
    makefile = (ROOT / "Makefile").read_text("utf-8")
    made, missing = set(re.findall(r"--run (\S+)", makefile)), []
    for words in steps_of(page):
        for word in words[1:]:
            if word.startswith("examples/") and not (ROOT / word).exists():
                missing.append(word)
            if (
                word.startswith("runs/")
                and "…" not in word
                and not _is_made(word, {*made, *_written_by(words)})
            ):
                missing.append(word)
        made |= _written_by(words)
    assert not missing


def _written_by(words):
    """What a command writes; a base may be of a run that the page is not about."""
    after = dict(itertools.pairwise(words))
    return {after[flag] for flag in ("--run", "--output", "--base") if flag in after}


def _is_made(word, made):
    return any(word == one or word.startswith(f"{one}/") for one in made)


USE = {"README.md": "## Use", "README.zh.md": "## 使用"}


def use_of(readme):
    """The commands under `Use`, in order."""
    _, _, rest = (ROOT / readme).read_text("utf-8").partition(USE[readme] + "\n")
    section = re.split(r"^## ", rest, maxsplit=1, flags=re.MULTILINE)[0]
    lines = [line for kind, block in BLOCK.findall(section) if kind == "console" for line in block.splitlines()]
    return [line.removeprefix("$ ") for line in lines]


@pytest.mark.parametrize("readme", USE)
def test_the_use_of_a_readme_goes_from_rows_to_a_service(readme):
    lines = use_of(readme)
    assert [line.split()[:2] for line in lines] == [
        *(["metier", name] for name in ("check", "train", "predict", "predict", "serve")),
        ["curl", "-s"],
    ]


@pytest.mark.slow
@pytest.mark.parametrize("readme", USE)
def test_the_use_of_a_readme_runs_as_it_is_written(readme, examples, tmp_path):
    """In order, in one folder; on fewer rows, with a minute for ten, and with a port that is free."""
    (tmp_path / "examples").symlink_to(examples)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    program = f"{shlex.quote(sys.executable)} -m metier "
    *lines, serve, ask = [
        line.replace("metier ", program, 1).replace("--budget 10m", "--budget 1m").replace("8000", str(port))
        for line in use_of(readme)
    ]
    for line in lines:
        done = subprocess.run(["bash", "-c", line], cwd=tmp_path, capture_output=True, text=True)
        assert done.returncode in ((0, 1) if " check " in line else (0,)), (line, done.stderr)
        assert done.stdout
    assert len((tmp_path / "runs/answered.csv").read_text("utf-8").splitlines()) > 100
    with subprocess.Popen(
        [*shlex.split(serve), "--port", str(port)], cwd=tmp_path, stderr=subprocess.PIPE, text=True
    ) as service:
        try:
            assert any("serving" in line for line in service.stderr)
            shown = subprocess.run(["bash", "-c", ask], capture_output=True, text=True, check=True).stdout
            assert json.loads(shown)["label"]
        finally:
            service.terminate()


def test_links_between_pages_lead_somewhere():
    broken = []
    for page in PAGES:
        for target in re.findall(
            r"\]\(([^)#]+?)(?:#[^)]*)?\)", BLOCK.sub("", page.read_text(encoding="utf-8"))
        ):
            if "://" not in target and not (page.parent / target).exists():
                broken.append(f"{page.name}: {target}")
    assert not broken


def test_every_method_has_its_page():
    from metier.catalogue import METHODS, RUN_ENSEMBLES

    missing = [
        name
        for name in (*METHODS, *RUN_ENSEMBLES)
        if not (ROOT / "docs" / "methods" / f"{name.rpartition('.v')[0]}.md").exists()
    ]
    assert not missing
