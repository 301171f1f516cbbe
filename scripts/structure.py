"""The structure of the source in numbers, beside what it was before the packages were restructured.

    python scripts/structure.py                     # before and now
    python scripts/structure.py --commit 71959d8    # the numbers of one commit, as JSON: "before" in structure.json

The numbers before are in `structure.json`, with the command that measured it.
"""

import argparse
import ast
import io
import json
import subprocess
import tarfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from fnmatch import fnmatch
from pathlib import Path, PurePosixPath
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = "metier"
STORED = Path(__file__).with_suffix(".json")
FEW_LINES = 60
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
IMPORTS = (ast.Import, ast.ImportFrom)

Files = Mapping[str, str]  # Source text by path below src/metier, as "tasks/folds.py".
Graph = Mapping[str, set[str]]  # The modules that a module imports.


def read_folder(folder: Path = ROOT / "src" / PACKAGE) -> Files:
    """Give the source files of the working tree."""
    return {
        path.relative_to(folder).as_posix(): path.read_text("utf-8") for path in sorted(folder.rglob("*.py"))
    }


def read_commit(commit: str) -> Files:
    """Give the source files of a commit."""
    where = f"src/{PACKAGE}"
    command = ["git", "archive", commit, where]
    packed = subprocess.run(command, cwd=ROOT, capture_output=True, check=True).stdout  # noqa: S603
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        return {
            str(PurePosixPath(entry.name).relative_to(where)): archive.extractfile(entry).read().decode()
            for entry in archive
            if entry.name.endswith(".py")
        }


def room_of(path: str) -> str:
    """Give the top folder of a file; files beside the folders count as one package."""
    return path.partition("/")[0] if "/" in path else "(files)"


def lines_of(text: str) -> int:
    """Count the lines of a file."""
    return len(text.splitlines())


def lines_by_room(files: Files) -> dict[str, int]:
    """Count lines by top folder, most first."""
    counts = Counter()
    for path, text in files.items():
        counts[room_of(path)] += lines_of(text)
    return dict(counts.most_common())


def lines_by_composition(files: Files, patterns: Mapping[str, Iterable[str]]) -> dict[str, list[int]]:
    """Give for each kind of composition how many files it has, and how many lines."""
    found = {}
    for kind, wanted in patterns.items():
        sizes = [lines_of(text) for path, text in files.items() if any(fnmatch(path, one) for one in wanted)]
        found[kind] = [len(sizes), sum(sizes)]
    return found


def body_lengths(trees: Mapping[str, ast.Module]) -> list[int]:
    """Give the lines of every function's body without its docstring, shortest first."""
    functions = (node for tree in trees.values() for node in ast.walk(tree) if isinstance(node, FUNCTIONS))
    return sorted(_body_length(function) for function in functions)


def _body_length(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    first = function.body[0]
    documented = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
    body = function.body[1:] if documented else function.body
    return body[-1].end_lineno - body[0].lineno + 1 if body else 0


def module_of(path: str) -> str:
    """Give the dotted name of a file's module."""
    parts = PurePosixPath(PACKAGE, path).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def import_graph(trees: Mapping[str, ast.Module]) -> Graph:
    """Give what each module imports, late or not: the modules, and the packages they lie in, which are loaded first.

    A package that a module itself lies in is being loaded already, so it counts only where it is named. What is
    imported for types alone does not count.
    """
    modules = {module_of(path): tree for path, tree in trees.items()}
    graph = {}
    for name, tree in modules.items():
        named = {one for node, _ in _imports(tree) for one in _modules_named(node, modules)}
        around = {package for one in named for package in _packages_around(one)}
        graph[name] = (named | (around - set(_packages_around(name)))) - {name}
    return graph


def _imports(node: ast.AST, *, late: bool = False) -> Iterator[tuple[ast.Import | ast.ImportFrom, bool]]:
    """Walk the imports of a module but those for types, and say of each whether it is inside a function."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, IMPORTS):
            yield child, late
        elif not (isinstance(child, ast.If) and _for_types(child)):
            yield from _imports(child, late=late or isinstance(child, FUNCTIONS))


def _for_types(node: ast.If) -> bool:
    return "TYPE_CHECKING" in ast.unparse(node.test)


def _modules_named(node: ast.Import | ast.ImportFrom, modules: Iterable[str]) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names if alias.name in modules)
        return
    for alias in node.names:
        full = f"{node.module}.{alias.name}"
        if full in modules:
            yield full
        elif node.module in modules:
            yield node.module


def _packages_around(module: str) -> list[str]:
    parts = module.split(".")
    return [".".join(parts[:end]) for end in range(1, len(parts))]


def knots(graph: Graph) -> list[list[str]]:
    """Give the groups of modules that import one another in a circle (strongly connected components), largest first."""
    reached = {module: _reached_from(module, graph) for module in graph}
    groups = {
        tuple(sorted(other for other in reached[module] if module in reached.get(other, ())))
        for module in graph
        if module in reached[module]
    }
    return sorted(map(list, groups), key=len, reverse=True)


def _reached_from(start: str, graph: Graph) -> set[str]:
    reached, waiting = set(), [start]
    while waiting:
        for module in graph[waiting.pop()]:
            if module not in reached:
                reached.add(module)
                waiting.append(module)
    return reached


def late_imports(trees: Mapping[str, ast.Module]) -> list[str]:
    """Give the imports inside functions, with their places."""
    return [
        f"{path}:{node.lineno}: {ast.unparse(node)}"
        for path, tree in trees.items()
        for node, late in _imports(tree)
        if late
    ]


def reflections(trees: Mapping[str, ast.Module]) -> list[str]:
    """Give the calls of `getattr` and `hasattr`, with their places."""
    return [
        f"{path}:{node.lineno}: {ast.unparse(node)}"
        for path, tree in trees.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id in ("getattr", "hasattr")
    ]


def with_one_importer(trees: Mapping[str, ast.Module]) -> list[str]:
    """Give the modules, packages apart, that only one other module names."""
    modules = {module_of(path): tree for path, tree in trees.items()}
    importers: dict[str, set[str]] = {
        module_of(path): set() for path in trees if not path.endswith("__init__.py")
    }
    for name, tree in modules.items():
        for one in (one for node, _ in _imports(tree) for one in _modules_named(node, modules)):
            importers.get(one, set()).add(name)
    return sorted(module for module, found in importers.items() if len(found) == 1)


def measure(files: Files, patterns: Mapping[str, Iterable[str]]) -> dict[str, Any]:
    """Give every number of a tree."""
    trees = {path: ast.parse(text) for path, text in files.items()}
    rooms = lines_by_room(files)
    bodies = body_lengths(trees)
    total = sum(rooms.values())
    return {
        "lines": total,
        "files": len(files),
        "rooms": rooms,
        "biggest room": round(max(rooms.values()) / total, 3),
        "compositions": lines_by_composition(files, patterns),
        "bodies": [bodies[len(bodies) // 2], bodies[len(bodies) * 9 // 10], bodies[-1]],
        "knots": knots(import_graph(trees)),
        "late imports": late_imports(trees),
        "reflections": reflections(trees),
        "short files": sum(lines_of(text) < FEW_LINES for text in files.values()),
        "one importer": len(with_one_importer(trees)),
    }


def before(stored: Mapping[str, Any]) -> dict[str, Any]:
    """Measure the commit before the rebuild; where history is not there, give what was stored."""
    patterns = {kind: each["before"] for kind, each in stored["compositions"].items()}
    try:
        return measure(read_commit(stored["commit"]), patterns)
    except subprocess.CalledProcessError:
        return stored["numbers"]


def now(stored: Mapping[str, Any]) -> dict[str, Any]:
    """Measure the working tree."""
    return measure(read_folder(), {kind: each["now"] for kind, each in stored["compositions"].items()})


def as_count(value: Any) -> Any:
    """Give a list's length, and a number as it is, for a table."""
    return len(value) if isinstance(value, list) else value


def is_within(value: Any, limit: Any, *, files: int = 1) -> bool:
    """Say whether a number keeps its limit; of several numbers each has to keep its own.

    A limit that is a fraction of counted files is a share of all of them.
    """
    if isinstance(value, int) and isinstance(limit, float):
        return value <= limit * files
    if isinstance(limit, list):
        return all(one <= most for one, most in zip(value, limit, strict=True))
    return bool(as_count(value) <= limit)


def table(stored: Mapping[str, Any], old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    """Give the lines of the comparison; what has a limit shows it, and a sign where it is not kept."""
    yield _line("", "before", "now")
    for room in sorted(old["rooms"].keys() | new["rooms"].keys()):
        yield _line(f"lines of {room}", old["rooms"].get(room, "-"), new["rooms"].get(room, "-"))
    for kind, (files, lines) in new["compositions"].items():
        files_before, lines_before = old["compositions"][kind]
        yield _line(f"{kind}: files", files_before, files)
        yield _line(f"{kind}: lines", lines_before, lines)
    yield _line("lines", old["lines"], new["lines"])
    yield _line("files", old["files"], new["files"])
    for name, limit in stored["limits"].items():
        kept = "" if is_within(new[name], limit, files=new["files"]) else "  !"
        yield _line(name, _shown(old[name]), _shown(new[name])) + f"   at most {_shown(limit)}{kept}"


def _shown(value: Any) -> Any:
    is_numbers = isinstance(value, list) and value and isinstance(value[0], int)
    return "/".join(map(str, value)) if is_numbers else as_count(value)


def _line(name: str, old: Any, new: Any) -> str:
    return f"{name:40}{old:>10}{new:>10}"


def main() -> None:
    """Print the numbers before and now, and the places that must go."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--commit", help="print the numbers of this commit as JSON instead")
    stored = json.loads(STORED.read_text("utf-8"))
    if commit := parser.parse_args().commit:
        print(json.dumps(before({**stored, "commit": commit}), indent=1))
        return
    found = now(stored)
    print(*table(stored, before(stored), found), sep="\n")
    for name in ("knots", "late imports", "reflections"):
        print(f"\n{name}:", *(f"  {one}" for one in found[name]), sep="\n")


if __name__ == "__main__":
    main()
