"""Kill a run, a prediction, an import, a seal, a registry, a watch, its alarms and a cache at many moments, and compare.

    python scripts/kill_loop.py [--kills 30] [--only train,predict,batch-csv,…] [--seed 0] [--candidates NAMES]
    python scripts/kill_loop.py --every --only train --candidates majority,encoder

Half of the kills come at a random moment (SIGKILL), half in front of a file operation that is drawn among all of them
(an audit hook counts what opens for writing, renames, makes and removes below the work folder). What a user would do
then is done: `--resume`, or the same call again; every third time that is killed once, too. A batch is a prediction that
is written in a dozen parts. Printed for each kind:

- kills: processes that ended by one, and of how many file operations an undisturbed one consists;
- locked out: what could not be gone on with, with the message;
- damaged: output that was there after a kill and was neither the old nor the new;
- rows: lost or doubled, in what came out at last;
- answers: those that differ from an undisturbed run;
- left over: partial files that are still there at the end.

With `--every` it is as if a kill came in front of every file operation: a copy of the work folder is kept before each of
them, and what a user would do is done in every copy that differs from the one before. Encoders are tuned from random
weights, 16 wide, unless `--base` names another.

The exit code is 1 if anything but kills is above 0. Processes are forked from one that has imported everything, so a
kill costs about a second of one core.
"""

import argparse
import contextlib
import csv
import gzip
import hashlib
import json
import os
import random
import re
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import killed_alerts
import killed_watch
import pyarrow.parquet as pq
from killed_process import KILLED, forked, import_what_it_did, said
from tiny_encoder import write_tiny_encoder

from metier.bundles import load_bundle, seal
from metier.bundles.manifest import ManifestFacts, read_manifest
from metier.bundles.sealing import verify
from metier.cli import answered_files
from metier.cli.program import run as run_program
from metier.continual.update.replay_store import ReplayStore
from metier.data import resumable_writing
from metier.registry.registry import Registry
from metier.runs.run_folder import SETTINGS_FILE
from metier.storage import parts_of
from metier.user_cache import build_once

CANDIDATES = (
    "majority,tfidf_linear"  # With static,average an ensemble is killed, too, and each run takes longer.
)
MOST_TOLD = 10
TRAIN_ROWS, PREDICT_ROWS = 240, 3_000
LEFT_OVER = re.compile(r"\..+\.(partial|lock|parts)|\.lock|.+\.(old|partial)|\.base-.+")


@dataclass
class Kind:
    """What is killed.

    Parameters
    ----------
    act : callable taking a folder
        Does it, from the start; gives the exit code.
    go_on : callable taking a folder
        What a user does after a kill.
    outcome : callable taking a folder
        Gives what came out, by names, to be compared; nothing where nothing came out yet.
    """

    act: Callable[[Path], int]
    go_on: Callable[[Path], int]
    outcome: Callable[[Path], dict[str, Any]]
    writes_whole: bool = True


@dataclass
class Tally:
    """What a loop found."""

    n_operations: int
    counts: Counter[str] = field(default_factory=Counter)

    def add(self, what: str, told: str) -> None:
        """Count a fault, and tell the first ones."""
        self.counts[what] += 1
        if sum(self.counts.values()) - self.counts["kills"] <= MOST_TOLD:
            print(f"  {what}: {told}", flush=True)


WORDS = {"card": "card bank plastic chip pin post", "rate": "euro dollar yen price market change"}


def write_rows(path: Path, n_rows: int, *, seed: int = 0, labels: dict[str, str] | None = None) -> None:
    """Write rows that are no near-duplicates of one another."""
    draw = random.Random(seed)  # noqa: S311  # Not for secrets.
    words = labels or WORDS
    common = [f"word{number}" for number in range(300)]
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["text", "label"])
        for number in range(n_rows):
            label = list(words)[number % 2]
            text = draw.sample(words[label].split(), 1) + draw.sample(common, 7)
            writer.writerow([" ".join(text), label if draw.random() > 0.1 else "rate"])


def kinds(given: Path, candidates: str, base: str) -> dict[str, Kind]:
    """Give every kind, over the files in a folder; a run in it is trained first."""
    model, rows = given / "model", given / "rows.csv"

    def train(work: Path) -> int:
        flags = ["--candidates", candidates, "--budget", "30m", "--threads", "1", "--base", base]
        return run_program(["train", str(given / "train.csv"), "--run", str(work / "run"), *flags])

    def resume(work: Path) -> int:
        if not (work / "run" / SETTINGS_FILE).exists():
            return train(work)
        return run_program(["train", "--resume", str(work / "run")])

    def predict(work: Path) -> int:
        files = ["--input", str(rows), "--output", str(work / "out.csv")]
        return run_program(["predict", str(model), *files, "--overwrite"])

    def batch(ending: str) -> Callable[[Path], int]:
        """Answer rows in many small parts, or go on; gives 0 as well where a call before had done all of it."""

        def act(work: Path) -> int:
            resumable_writing.PART_ROWS = PREDICT_ROWS // 12
            answered_files.BATCH_ROWS = PREDICT_ROWS // 40
            files = ["--input", str(rows), "--output", str(work / f"out.{ending}"), "--resume"]
            code = run_program(["predict", str(model), *files])
            return (
                0
                if (work / f"out.{ending}").exists() and not parts_of(work / f"out.{ending}").exists()
                else code
            )

        return act

    def import_(work: Path) -> int:
        return run_program(
            ["import", str(given / "doccano.jsonl"), "--output", str(work / "out.jsonl"), "--overwrite"]
        )

    def seal_again(work: Path) -> int:
        source = model / "candidates" / "tfidf_linear.v1"
        facts = {name: value for name, value in read_manifest(source) if name in ManifestFacts.model_fields}
        if not (work / "bundle").exists():
            shutil.copytree(source, work / "copied", dirs_exist_ok=True)
            (work / "copied").rename(work / "bundle")
        seal(work / "bundle", ManifestFacts(**facts))
        return 0

    def cache(work: Path) -> int:
        build_once(work / "cache" / "base", _build)
        return 0

    def watch(work: Path) -> int:
        return killed_watch.watch_once(work, given)

    def registry(work: Path) -> int:
        """Add two versions, promote each, and go back to the first; done again, the same stands there in the end."""
        place = ["--registry", str(work / "registry")]
        bundles = [str(model / "candidates" / name) for name in ("majority.v1", "tfidf_linear.v1")]
        calls = [
            *(["add", bundle, "support"] for bundle in bundles),
            *(["promote", "support", str(number), "--force"] for number in (1, 2)),
            ["rollback", "support"],
        ]
        return max(run_program(["registry", *call, *place]) for call in calls)

    def update(work: Path) -> int:
        """Learn a new label, with a replay store; done again, the same stands there in the end."""
        rows = [
            "--old",
            str(given / "train.csv"),
            "--test",
            str(given / "unseen.csv"),
            "--new-labels",
            "--method",
            "replay",
        ]
        place = ["--output", str(work / "updated"), "--replay", str(work / "replay.sqlite")]
        bundle = model / "candidates" / "tfidf_linear.v1"
        return run_program(["update", str(bundle), str(given / "new.csv"), *rows, *place])

    def file_of(name: str) -> Callable[[Path], dict[str, Any]]:
        return lambda work: {name: (work / name).read_bytes()} if (work / name).exists() else {}

    return {
        "train": Kind(train, resume, _run_outcome, writes_whole=False),
        "predict": Kind(predict, predict, file_of("out.csv")),
        **{
            f"batch-{ending.removesuffix('.gz')}": Kind(batch(ending), batch(ending), _rows_of(f"out.{ending}"))
            for ending in ("csv", "jsonl.gz", "parquet")
        },
        "import": Kind(import_, import_, file_of("out.jsonl")),
        "seal": Kind(seal_again, seal_again, _bundle_outcome, writes_whole=False),
        "registry": Kind(registry, registry, _registry_outcome, writes_whole=False),
        "watch": Kind(watch, watch, killed_watch.outcome, writes_whole=False),
        "alerts": Kind(
            killed_alerts.tell_all, killed_alerts.tell_all, killed_alerts.outcome, writes_whole=False
        ),
        "update": Kind(update, update, _update_outcome, writes_whole=False),
        "cache": Kind(cache, cache, lambda work: _files(work / "cache" / "base")),
    }


def _registry_outcome(work: Path) -> dict[str, Any]:
    """What stands in a registry; every version that it knows is whole, and what answers is one of them."""
    kept = Registry(work / "registry")
    versions = {str(one.number): verify(one.folder).name for one in kept.versions("support")}
    return versions | {"champion": kept.version("support").number}


def _update_outcome(work: Path) -> dict[str, Any]:
    """What an updated bundle is, and what is in the replay store; a bundle that is there is whole."""
    folder, store = work / "updated", work / "replay.sqlite"
    if not folder.exists():
        return {}
    verify(folder)
    kept = ReplayStore(store)
    rows = sorted(f"{one.label}: {one.text}" for one in kept.rows())
    kept.close()
    files = {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name not in ("manifest.json", "README.md")  # These hold times.
    }
    return files | {"replay.csv": "\n".join(rows).encode()}


def _build(folder: Path) -> None:
    for number in range(20):
        (folder / f"{number}.json").write_text(json.dumps(list(range(number * 1_000))), encoding="utf-8")


def _files(folder: Path) -> dict[str, Any]:
    return {path.name: path.read_bytes() for path in sorted(folder.glob("*"))} if folder.is_dir() else {}


def _rows_of(name: str) -> Callable[[Path], dict[str, Any]]:
    """Give what reads a file of answers: its rows as lines, whatever it is packed in."""

    def outcome(work: Path) -> dict[str, Any]:
        path = work / name
        if not path.exists():
            return {}
        if path.suffix == ".parquet":
            records = pq.read_table(path).to_pylist()
            return {f"{name}.jsonl": "".join(json.dumps(one) + "\n" for one in records).encode()}
        content = path.read_bytes()
        return {name.removesuffix(".gz"): gzip.decompress(content) if path.suffix == ".gz" else content}

    return outcome


def _run_outcome(work: Path) -> dict[str, Any]:
    """What a finished run answered and recommends, and whether its best bundle answers."""
    report = work / "run" / "report.json"
    if not report.exists():
        return {}
    facts = json.loads(report.read_text(encoding="utf-8"))
    load_bundle(work / "run" / "best").predict(["my card"])
    kept = {name: facts[name] for name in ("recommended", "primary_metric")}
    trained = {one["name"]: [one["status"], one["trained_on"], one["test"]] for one in facts["candidates"]}
    return kept | trained | _answers(work / "run")


def _answers(run: Path) -> dict[str, Any]:
    return {
        path.name: path.read_bytes() for path in sorted((run / "answers").iterdir()) if path.suffix != ".json"
    }


def _bundle_outcome(work: Path) -> dict[str, Any]:
    folder = work / "bundle"
    if not (folder / "manifest.json").exists():
        return {}
    load_bundle(folder).predict(["my card"])
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    files = {path.name: path.read_bytes() for path in sorted(folder.iterdir()) if path.name != "manifest.json"}
    return files | {name: value for name, value in manifest.items() if name != "created"}


def loop(kind: Kind, name: str, place: Path, *, kills: int, draw: random.Random) -> Tally:
    """Kill one kind so many times, each in a folder of its own, and compare."""
    work = _fresh(place / f"{name}-undisturbed")
    start = time.monotonic()
    code, n_operations = forked(work, kind.act)
    seconds = time.monotonic() - start
    if code:
        raise SystemExit(f"{name} fails undisturbed: {said(work)}")
    import_what_it_did(work)
    expected, tally = kind.outcome(work), Tally(n_operations)
    for number in range(kills):
        print(f"\r{name}: {number} of {kills}", end="\r", file=sys.stderr, flush=True)
        work = _fresh(place / f"{name}-killed")
        how = _moment(number, n_operations, seconds, draw)
        code, _ = forked(work, kind.act, **how)
        if code != KILLED:  # It had ended before.
            continue
        tally.counts["kills"] += 1
        _compare_after_kill(kind, work, expected, tally, how)
        if number % 3 == 2:
            code, _ = forked(work, kind.go_on, **_moment(draw.randrange(2), n_operations, seconds, draw))
            tally.counts["kills"] += code == KILLED
        _go_on(kind, work, expected, tally, how)
    return tally


def every(kind: Kind, name: str, place: Path, draw: random.Random) -> Tally:
    """Go on from the state before every file operation, and compare; equal states in a row are one."""
    work, states = _fresh(place / f"{name}-killed"), _fresh(place / f"{name}-states")
    code, n_operations = forked(work, kind.act, watch=_keeper(work, states))
    if code:
        raise SystemExit(f"{name} fails undisturbed: {said(work)}")
    import_what_it_did(work)
    expected, tally = kind.outcome(work), Tally(n_operations)
    import_what_it_did(work)
    kept = sorted(states.iterdir())
    draw.shuffle(kept)  # What is stopped early has gone through all parts of the run.
    for number, state in enumerate(kept):
        print(f"\r{name}: {number} of {len(kept)} states", end="\r", file=sys.stderr, flush=True)
        shutil.rmtree(work)
        state.rename(work)
        tally.counts["kills"] += 1
        _go_on(kind, work, expected, tally, {"before": int(state.name)})
    return tally


def _keeper(work: Path, states: Path) -> Callable[[int], None]:
    """Give what copies the work folder where it differs from the last copy."""
    last: list[tuple[str, int, int, int]] = []

    def keep(number: int) -> None:
        nonlocal last
        found = [(str(path), path.lstat()) for path in sorted(work.rglob("*"))]
        now = [(path, seen.st_ino, seen.st_size, seen.st_mtime_ns) for path, seen in found]
        if now != last:
            shutil.copytree(work, states / str(number), symlinks=True)
            last = now

    return keep


def _go_on(kind: Kind, work: Path, expected: dict[str, Any], tally: Tally, how: dict[str, Any]) -> None:
    """Do what a user would after a kill, and compare what comes out."""
    code, _ = forked(work, kind.go_on)
    if code:
        tally.add("locked out", f"killed {how}: {said(work)}")
        return
    _compare(kind.outcome(work), expected, tally, how)
    for path in _left_over(work):
        tally.add("left over", f"killed {how}: {path}")


def _moment(number: int, n_operations: int, seconds: float, draw: random.Random) -> dict[str, Any]:
    if number % 2:
        return {"after": draw.uniform(0, seconds)}
    return {"before": draw.randint(1, n_operations)}


def _compare_after_kill(kind: Kind, work: Path, expected: dict[str, Any], tally: Tally, how: object) -> None:
    if kind.writes_whole and (found := kind.outcome(work)) not in ({}, expected):
        tally.add("damaged", f"killed {how}: {sorted(found)}")


def _compare(found: dict[str, Any], expected: dict[str, Any], tally: Tally, how: object) -> None:
    for name in sorted(found.keys() | expected.keys()):
        one, other = found.get(name), expected.get(name)
        if one == other:
            continue
        rows = [value.count(b"\n") if isinstance(value, bytes) else None for value in (one, other)]
        is_rows = name.endswith((".csv", ".jsonl")) and rows[0] != rows[1]
        tally.add(
            "rows" if is_rows else "answers", f"killed {how}: {name} {_short(one)} instead of {_short(other)}"
        )


def _short(value: Any) -> str:
    return hashlib.sha256(value).hexdigest()[:8] if isinstance(value, bytes) else str(value)[:80]


def _left_over(work: Path) -> Iterator[Path]:
    return (path for path in sorted(work.rglob("*")) if LEFT_OVER.fullmatch(path.name))


def _fresh(folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def prepare(given: Path) -> None:
    """Write the rows, and train the run that predicts and is sealed again."""
    write_rows(given / "train.csv", TRAIN_ROWS)
    write_rows(given / "rows.csv", PREDICT_ROWS)
    with (given / "doccano.jsonl").open("w", encoding="utf-8") as file:
        for number in range(PREDICT_ROWS):
            file.write(
                json.dumps({"id": number, "text": f"Ada {number} lived.", "label": [[0, 3, "PER"]]}) + "\n"
            )
    write_rows(given / "unseen.csv", 60, seed=1)
    write_rows(
        given / "new.csv", 80, seed=2, labels={"pin": "pin code digits secret", "rate": "euro yen dollar"}
    )
    flags = ["--candidates", "majority,tfidf_linear", "--threads", "1", "--run", str(given / "model")]
    code, _ = forked(
        _fresh(given / "training"), lambda _: run_program(["train", str(given / "train.csv"), *flags])
    )
    if code:
        raise SystemExit(said(given / "training"))
    import_what_it_did(given / "training")


def _tiny_base(given: Path) -> Path:
    """Write a base whose words are those of the training rows."""
    with (given / "train.csv").open(encoding="utf-8", newline="") as file:
        return write_tiny_encoder(given / "base", [row["text"] for row in csv.DictReader(file)])


def main() -> None:
    """Kill, compare and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--kills", type=int, default=30, help="of each kind")
    parser.add_argument(
        "--only",
        default="train,predict,batch-csv,batch-jsonl,batch-parquet,import,seal,registry,watch,update,cache",
    )
    parser.add_argument("--candidates", default=CANDIDATES, help="of the runs that are killed")
    parser.add_argument("--every", action="store_true", help="before every file operation, instead of so many")
    parser.add_argument("--base", help="of the encoders among the candidates")
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    draw, is_clean = random.Random(asked.seed), True  # noqa: S311  # Not for secrets.
    with tempfile.TemporaryDirectory(prefix="kill-loop-") as place, contextlib.chdir(place):
        given = _fresh(Path(place) / "given")
        os.environ["METIER_CACHE"] = str(given / "cache")
        prepare(given)
        base = asked.base or str(_tiny_base(given))
        for name in asked.only.split(","):
            kind = kinds(given, asked.candidates, base)[name]
            if asked.every:
                tally = every(kind, name, Path(place), draw)
            else:
                tally = loop(kind, name, Path(place), kills=asked.kills, draw=draw)
            faults = ("locked out", "damaged", "rows", "answers", "left over")
            is_clean = is_clean and not any(tally.counts[fault] for fault in faults)
            counts = ", ".join(f"{fault} {tally.counts[fault]}" for fault in faults)
            print(
                f"{name:8} {tally.counts['kills']} kills of {tally.n_operations} operations; {counts}",
                flush=True,
            )
    sys.exit(0 if is_clean else 1)


if __name__ == "__main__":
    main()
