"""A watch over a file, to be killed before any statement of its store: what it did and what came out.

The file holds messages of some weeks, some twice, some nearly the same, some broken. Statements and commits of the
database are counted as file operations are, by an audit event of our own.
"""

import json
import random
import re
import sys
from pathlib import Path
from typing import Any

from killed_process import STEP
from sqlalchemy import Engine, event, select

from metier.cli.program import run as run_program
from metier.monitoring.store.tables import COUNTS, FINDINGS, MESSAGES, PERIODS, POSITIONS, REFUSED, UNANSWERED
from metier.monitoring.store.watch_store import WatchStore

MESSAGES_OF_THE_FILE, DAYS, BATCH = 150, 10, 15
INODE = re.compile(r'"inode": \d+, ')
SETTINGS = """
sources:
  - {{kind: file, path: posts.jsonl, batch_messages: {batch}, columns: {{by: {{company: company}}}}}}
bundles: {{topic: {model}}}
by: [company, topic, [company, topic]]
false_alarms: 1/day
"""


def watch_once(work: Path, given: Path) -> int:
    """Watch a file to its end, or go on."""
    if not (work / "watch.yaml").exists():
        write_posts(work / "posts.jsonl")
        (work / "settings").write_text(SETTINGS.format(model=given / "model", batch=BATCH), encoding="utf-8")
        (work / "settings").rename(work / "watch.yaml")
    for name in ("before_cursor_execute", "commit"):
        event.listen(Engine, name, lambda *_: sys.audit(STEP))
    return run_program(["watch", "run", str(work / "watch.yaml"), "--once"])


def write_posts(path: Path) -> None:
    """Write messages in the order of time, with a surge of one company."""
    draw = random.Random(0)  # noqa: S311  # Not for secrets.
    words = [f"word{number}" for number in range(300)]
    lines, texts = [], ["card bank plastic chip"]
    for number in range(MESSAGES_OF_THE_FILE):
        texts.append(" ".join(draw.sample(words, 8)) if draw.random() > 0.2 else draw.choice(texts[-20:]))
        day = 20 if number % 5 == 0 else number * DAYS // MESSAGES_OF_THE_FILE
        when = f"2026-03-{day + 1:02}T{number % 24:02}:00:00+00:00"
        line = {"id": number, "text": texts[-1], "time": when, "company": draw.choice(["Acme", "Bolt"])}
        lines.append((when, json.dumps(line)))
        if draw.random() < 0.1:
            lines.append((when, draw.choice([lines[-1][1], "{broken", '{"id": 1, "text": 7}'])))
    path.write_text("".join(f"{line}\n" for _, line in sorted(lines)), encoding="utf-8")


def outcome(work: Path) -> dict[str, Any]:
    """Give what a store holds, without the times at which it came there."""
    store = WatchStore(work / "watch.sqlite")
    try:
        with store.reading() as connection:
            tables = {
                table.name: [
                    {
                        name: value
                        for name, value in row.items()
                        if name not in ("received", "stored", "closed", "sketch")
                    }
                    for row in connection.execute(select(table).order_by(*table.primary_key)).mappings()
                ]
                for table in (MESSAGES, COUNTS, FINDINGS, PERIODS, POSITIONS, REFUSED, UNANSWERED)
            }
        answers = [one.answers for batch in store.messages() for one in batch]
    finally:
        store.close()
    found = {**tables, "answers": answers}
    return {f"{name}.jsonl": _lines(rows, work) for name, rows in found.items()}


def _lines(rows: list[Any], work: Path) -> bytes:
    """Give rows as lines, without the name of the work folder and what the system calls the file."""
    written = "".join(json.dumps(row, sort_keys=True, default=str) + "\n" for row in rows)
    return INODE.sub("", written.replace(str(work), "")).encode()
