"""What each kind of growth touches: every page of docs/extending applied to a copy of the source, checked and removed.

    python scripts/growth.py

A page consists of blocks: Python that opens with `# src/metier/…` is a new file, a diff is rows of an existing one, ini
is the entry points of the same file as a plug-in, and any other Python is the check, which runs as a user's program.
"""

import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGES = ROOT / "docs" / "extending"
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)
# Runs each check by itself and reports what failed.
RUNNER = """
import json, linecache, sys, traceback
from pathlib import Path
failures = {}
for name, code in json.loads(Path(sys.argv[1]).read_text("utf-8")).items():
    linecache.cache[name] = (len(code), None, code.splitlines(True), name)
    try:
        exec(compile(code, name, "exec"), {"__name__": name})
    except BaseException:
        failures[name] = traceback.format_exc()
Path(sys.argv[2]).write_text(json.dumps(failures), "utf-8")
"""


@dataclass(frozen=True)
class Rows:
    """Lines that are added to an existing file, behind the lines of `context`."""

    path: str
    context: str
    added: str

    def add_to(self, text: str) -> str:
        """Give a file's text with the lines in it."""
        if text.count(self.context) != 1:
            raise ValueError(f"{self.path} has {text.count(self.context)} places for the row:\n{self.context}")
        return text.replace(self.context, self.context + self.added)


@dataclass(frozen=True)
class Growth:
    """One page: what is added, and the check that it works.

    Parameters
    ----------
    name : str
        Of the page, without its ending.
    title : str
    files : mapping of str to str
        New files by their path below the root.
    rows : sequence of Rows
    entry_points : str
        As a plug-in's `entry_points.txt`; empty where there is no such door.
    check : str
    """

    name: str
    title: str
    files: Mapping[str, str]
    rows: Sequence[Rows]
    entry_points: str
    check: str

    @property
    def changed(self) -> list[str]:
        """The existing files that get rows."""
        return sorted({row.path for row in self.rows})

    def apply(self, root: Path) -> None:
        """Add the files and rows to a tree."""
        for path, text in self.files.items():
            if (root / path).exists():
                raise FileExistsError(path)
            (root / path).write_text(text, encoding="utf-8")
        for row in self.rows:
            path = root / row.path
            path.write_text(row.add_to(path.read_text(encoding="utf-8")), encoding="utf-8")

    def write_plug_in(self, folder: Path) -> None:
        """Write the new files as modules of a plug-in, with its entry points, as an installer would."""
        for path, text in self.files.items():
            (folder / Path(path).name).write_text(text, encoding="utf-8")
        facts = folder / f"{self.name.replace('-', '_')}_plug_in-1.0.dist-info"
        facts.mkdir()
        (facts / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {self.name}-plug-in\nVersion: 1.0\n")
        (facts / "entry_points.txt").write_text(self.entry_points, encoding="utf-8")


def growths() -> list[Growth]:
    """Read the pages."""
    found = [_read(path) for path in sorted(PAGES.glob("*.md"))]
    return [growth for growth in found if growth.files or growth.rows]


def _read(path: Path) -> Growth:
    text = path.read_text(encoding="utf-8")
    files: dict[str, str] = {}
    rows: list[Rows] = []
    entry_points, check = "", ""
    for language, block in BLOCK.findall(text):
        first, _, rest = block.partition("\n")
        if language == "python" and first.startswith("# src/"):
            files[first.removeprefix("# ")] = rest
        elif language == "diff":
            rows += _rows(first.removeprefix("--- "), rest)
        elif language == "ini":
            entry_points += block
        elif language == "python":
            check += block
    title = text.partition("\n")[0].removeprefix("# ")
    return Growth(path.stem, title, files, rows, entry_points, check)


def _rows(path: str, block: str) -> Iterator[Rows]:
    """Each run of added lines with the lines before it."""
    for context, added in re.findall(r"((?:^ .*\n)+)((?:^\+.*\n)+)", block, re.MULTILINE):
        yield Rows(path, _plain(context), _plain(added))


def _plain(block: str) -> str:
    return "".join(f"{line[1:]}\n" for line in block.splitlines())


@contextlib.contextmanager
def copied() -> Iterator[Path]:
    """Give a copy of the source in a temporary folder."""
    with tempfile.TemporaryDirectory() as folder:
        unread = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / "src", Path(folder, "src"), ignore=unread)
        yield Path(folder)


def snapshot(root: Path) -> dict[str, bytes]:
    """Give every source file of a tree by its path."""
    paths = (path for path in (root / "src").rglob("*") if path.is_file() and path.suffix != ".pyc")
    return {str(path.relative_to(root)): path.read_bytes() for path in paths}


def touched(before: Mapping[str, bytes], after: Mapping[str, bytes]) -> tuple[list[str], list[str]]:
    """Give the new files and the changed ones."""
    new = sorted(set(after) - set(before))
    return new, sorted(path for path in before if after.get(path) != before[path])


def failures(checks: Mapping[str, str], on_path: Iterable[Path]) -> dict[str, str]:
    """Run checks in a process of its own; give the traceback of each that fails."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "examples").symlink_to(ROOT / "examples")
        given, found = Path(folder, "checks.json"), Path(folder, "failures.json")
        given.write_text(json.dumps(dict(checks)), encoding="utf-8")
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(map(str, on_path))}
        arguments = [sys.executable, "-c", RUNNER, str(given), str(found)]
        subprocess.run(arguments, cwd=folder, env=environment, check=True)  # noqa: S603
        read: dict[str, str] = json.loads(found.read_text("utf-8"))
        return read


def main() -> None:
    """Print a line for each kind of growth."""
    found = growths()
    print(f"{'to add':<42} {'new files':>9} {'changed':>8} {'rows':>5}  {'as a plug-in':>12}  check")
    with copied() as root:
        before = snapshot(root)
        for growth in found:
            growth.apply(root)
        wrong = failures({growth.name: growth.check for growth in found}, [root / "src"])
        after = snapshot(root)
    for growth in found:
        lines = sum(row.added.count("\n") for row in growth.rows)
        door = "yes" if growth.entry_points else "-"
        state = "FAILS" if growth.name in wrong else "passes"
        sizes = f"{len(growth.files):>9} {len(growth.changed):>8} {lines:>5}"
        print(f"{growth.title:<42} {sizes}  {door:>12}  {state}")
    new, changed = touched(before, after)
    print(f"together: {len(new)} new files, {len(changed)} changed")
    for trace in wrong.values():
        print(trace, file=sys.stderr)
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
