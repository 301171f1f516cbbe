"""What ways of learning gain over their supervised counterparts, and the table of ways and tasks.

    python scripts/ways.py --page                       writes the table of docs/ways.md
    python scripts/ways.py --data FOLDER [--few 200]    measures self-training of linear methods and taggers
    python scripts/ways.py --data FOLDER --encoders     and pretraining and consistency of encoders: hours

FOLDER holds `uner_zh_gsd` and `wnut17` (spans) and `semeval2010_task8` (relations).
Of the training rows some are labelled, as few as `--few` says; the others are the unlabelled ones. The test rows are
answered by the taught method and by its counterpart; the difference has a 95 % interval by paired bootstrap.
"""

import argparse
import time
from pathlib import Path
from typing import Any

import numpy as np

import metier
from metier import catalogue
from metier.selection.scores import Scores
from metier.selection.ways_of_learning import every_way
from metier.tasks.task_table import known_task, load_task
from metier.tasks.ways import WAYS

PAGE = Path(__file__).resolve().parents[1] / "docs" / "ways.md"
BEGIN, END = "<!-- The table: python scripts/ways.py --page -->", "<!-- The end of the table. -->"
SETS = (
    ("uner_zh_gsd", "train.conll", "test.conll", "ner", {}),
    ("wnut17", "train.conll", "test.conll", "ner", {}),
    ("semeval2010_task8", "train.jsonl", "test.jsonl", "relation", {}),
)
MOST_UNLABELLED, MOST_ASKED = 2000, 800


def table() -> str:
    """Give the table in Markdown: what takes each way of learning, a task a row, and why nothing does."""
    found = every_way()
    parts = []
    for way, stated in WAYS.items():
        parts += [
            f"### {stated.title.capitalize()}",
            "",
            f"`{stated.asked_by}`",
            "",
            "| task | takes it, or why not |",
        ]
        parts += ["|---|---|"]
        for one in (one for one in found if one.way == way):
            takes = ", ".join(f"`{name}`" for name in one.takes)
            parts.append(f"| {one.task} | {takes or one.why_not} |")
        parts.append("")
    return "\n".join(parts)


def page(text: str) -> str:
    """Give the text of the page with the table as it is now."""
    head, _, rest = text.partition(BEGIN)
    return f"{head}{BEGIN}\n\n{table()}\n{END}{rest.partition(END)[2]}"


def main() -> None:
    """Write the table, or measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--page", action="store_true")
    parser.add_argument("--data", type=Path)
    parser.add_argument("--few", type=int, default=200)
    parser.add_argument("--only")
    parser.add_argument("--encoders", action="store_true")
    given = parser.parse_args()
    if given.page:
        PAGE.write_text(page(PAGE.read_text("utf-8")), encoding="utf-8")
    if given.data is None:
        return
    print("| rows | task | method | counterpart | taught | without | difference [95 %] | p | s |")
    print("|---|---|---|---|---|---|---|---|---|")
    for folder, train, test, task, roles in SETS:
        if given.only in (None, folder):
            for line in measured(
                given.data / folder, train, test, task, roles, few=given.few, encoders=given.encoders
            ):
                print(line, flush=True)


def measured(
    folder: Path, train: str, test: str, task_name: str, roles: dict[str, str], *, few: int, encoders: bool
) -> list[str]:
    """Give a line for each method that learns from unlabelled rows of a set."""
    rows, asked = (metier.read(str(folder / name), **roles) for name in (train, test))
    order = np.random.default_rng(0).permutation(len(rows))
    asked = asked.take(np.random.default_rng(0).permutation(len(asked))[:MOST_ASKED])
    task = load_task(task_name).from_rows(rows.take(order[:few]))
    known, others = rows.take(order[:few]), rows.take(order[few : few + MOST_UNLABELLED])
    items, targets = list(task.items(known)), list(task.targets(known))
    lines = []
    for name, counterpart in known_task(task_name).learn_from_unlabelled.items():
        if catalogue.capabilities(name).is_fine_tuned and not encoders:
            continue
        started = time.process_time()
        given: dict[str, Any] = {"method": counterpart, "answer": task.answer.name}
        takes = catalogue.resolve(name)._get_param_names()
        given = {key: value for key, value in given.items() if key in takes}
        answers = []
        for unlabelled in (list(task.items(others)), None):
            method = catalogue.resolve(name)(**given, unlabelled=unlabelled).fit(items, targets)
            answers.append(list(method.predict(task.items(asked))))
        scores = Scores(task, list(task.targets(asked)))
        own, plain = (scores.measure(task.primary_metric, one) for one in answers)
        found = scores.compare(task.primary_metric, *answers)
        lines.append(
            f"| {folder.name} | {task_name} | `{name}` | `{counterpart}` | {100 * own:.1f} | {100 * plain:.1f} "
            f"| {100 * found.difference:+.1f} [{100 * found.low:+.1f}, {100 * found.high:+.1f}] | {found.p_value:.2g} "
            f"| {time.process_time() - started:.0f} |"
        )
    return lines


if __name__ == "__main__":
    main()
