"""The tuned writer against its baselines: summaries of scitldr, replies of sgd and Chinese titles, one budget each.

    python scripts/writers.py [--data FOLDER] [--only scitldr,sgd,csl_title_zh] [--budget 30m] [--threads 2]

Each set is trained with `metier train` and one budget for everything: planning, the states of the frozen layers, the
epochs, the export and its check, and the answers to the validation and the test rows. The table has the figures of all
candidates on the test rows, which were read once, with 95 % intervals, and the difference of the tuned writer from each
baseline on the same rows. A run that was interrupted goes on; one that is finished is shown.

`--data` names a folder with the whole sets: `scitldr/{train,dev,test}.jsonl`, and `sgd_dialogues_small/train.jsonl`, of
which every turn of the assistant is a row and whole dialogues are dealt out to the three parts, and
`csl_title_zh/{dev,test}.jsonl`, which has no training rows: four fifths of `dev` are learned. Without it the samples in
`examples/` are taken.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np

from metier.cli.console import ProgressLines
from metier.data import Rows, read, read_alike
from metier.evaluation import interval_of
from metier.evaluation.row_measures import comparison_of
from metier.runs.run_folder import RunFolder
from metier.selection.api import train

PROJECT = Path(__file__).parents[1]
EXAMPLES = PROJECT / "examples"
WRITER = "generator.v1"
BASELINES = {
    "scitldr": ("lead.v1", "textrank.v1"),
    "sgd": ("nearest_reply.v1",),
    "csl_title_zh": ("lead.v1", "textrank.v1", "sentence_ranker.v1"),
}
METRICS = ("rouge_l", "chrf", "rouge_1", "length_ratio")
# To choose takes few rows here: there is one writer. 95 % intervals over 300 rows are about two points to either side.
VALIDATION, TEST = 60, 300
SHARES = (0.7, 0.15)  # Of the dialogues: to learn from, to choose on; the others are the test.


def main() -> None:
    """Train what is missing and print a table for each set."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--only", default="scitldr,sgd,csl_title_zh")
    parser.add_argument("--budget", default="30m")
    parser.add_argument("--threads", type=int, default=0, help="default: every core")
    parser.add_argument("--test", type=int, default=TEST, help="Test rows, at most.")
    parser.add_argument("--validation", type=int, default=VALIDATION, help="Validation rows, at most.")
    parser.add_argument("--runs", type=Path, default=PROJECT / "runs" / "writers")
    parser.add_argument("--settings", type=json.loads, default={}, help="Of the writer, as JSON.")
    parser.add_argument("--baselines-only", action="store_true", help="Where no base here knows the language.")
    options = parser.parse_args()
    for name in options.only.split(","):
        folder = options.runs / f"{name}-{options.budget}"
        if not (folder / "report.json").exists():
            run(name, folder, options)
        print(table(name, folder), flush=True)


def run(name: str, folder: Path, options: argparse.Namespace) -> None:
    """Train the writer and its baselines on one set, or go on with it."""
    with ProgressLines() as listener:
        if (folder / "settings.yaml").exists():
            train(resume=folder, listener=listener)
            return
        learned, chosen, asked = SOURCES[name](options.data)
        train(
            learned,
            validation=drawn(chosen, options.validation),
            test=drawn(asked, options.test),
            budget=options.budget,
            candidates=[*BASELINES[name], *([] if options.baselines_only else [WRITER])],
            run=folder,
            overwrite=True,
            listener=listener,
            settings={
                "refit": False,
                "methods": {} if options.baselines_only else {WRITER: options.settings},
                **({"threads": options.threads} if options.threads else {}),
            },
        )


def summaries(data: Path | None) -> tuple[Rows, Rows, Rows]:
    """Abstracts and their summaries in one sentence, in the published parts."""
    folder = (data or EXAMPLES) / "scitldr"
    learned = read(folder / "train.jsonl")
    return learned, read_alike(folder / "dev.jsonl", learned), read_alike(folder / "test.jsonl", learned)


def replies(data: Path | None) -> tuple[Rows, Rows, Rows]:
    """Conversations up to each turn of the assistant, which is what is to be written."""
    if data is None:
        folder = EXAMPLES / "sgd_dialogues" / "messages"
        learned = read(folder / "train.jsonl")
        return learned, read_alike(folder / "dev.jsonl", learned), read_alike(folder / "test.jsonl", learned)
    with (data / "sgd_dialogues_small" / "train.jsonl").open(encoding="utf-8") as file:
        dialogues = [json.loads(line) for line in file]
    order = np.random.default_rng(0).permutation(len(dialogues))
    ends = np.cumsum([int(share * len(dialogues)) for share in SHARES])
    learned, chosen, asked = (
        read([row for index in part for row in turns(dialogues[index])]) for part in np.split(order, ends)
    )
    return learned, chosen, asked


def titles(data: Path | None) -> tuple[Rows, Rows, Rows]:
    """Abstracts of Chinese papers and their titles."""
    folder = (data or EXAMPLES) / "csl_title_zh"
    known = read(folder / ("dev.jsonl" if data else "train.jsonl"))
    order = np.random.default_rng(0).permutation(len(known))
    end = int(0.8 * len(known))
    return known.take(order[:end]), known.take(order[end:]), read_alike(folder / "test.jsonl", known)


def turns(dialogue: dict[str, Any]) -> list[dict[str, Any]]:
    """A row for each turn of the assistant: the turns up to it, and itself as the last message."""
    roles = {"USER": "user", "SYSTEM": "assistant"}
    messages = [{"role": roles[turn["speaker"]], "content": turn["text"]} for turn in dialogue["turns"]]
    return [
        {"messages": messages[: position + 1]}
        for position, message in enumerate(messages)
        if position and message["role"] == "assistant"
    ]


SOURCES = {"scitldr": summaries, "sgd": replies, "csl_title_zh": titles}


def drawn(rows: Rows, most: int) -> Rows:
    """At most so many rows, in their order."""
    if len(rows) <= most:
        return rows
    return rows.take(np.sort(np.random.default_rng(0).permutation(len(rows))[:most]))


def table(name: str, folder: Path) -> str:
    """The figures of all candidates on the test rows, the writer's difference from each, and what it took."""
    kept, report = RunFolder(folder), json.loads((folder / "report.json").read_text("utf-8"))
    found = kept.truth("test")
    assert found is not None  # The test rows were read, or there were no report.
    truth = found[0]
    answers = {
        one: list(kept.answers(one, "test").predicted)
        for one in (*BASELINES[name], WRITER)
        if kept.has_answers(one, "test")
    }
    lines = [
        f"\n## {name}: {len(truth)} test rows\n",
        f"| candidate | {' | '.join(METRICS)} |",
        "|---|---|---|---|---|",
    ]
    for one, predicted in answers.items():
        cells = [_figure(interval_of(metric, truth, predicted)) for metric in METRICS]
        lines.append(f"| `{one}` | {' | '.join(cells)} |")
    for one in answers if WRITER in answers else ():
        if one != WRITER:
            cells = [
                _signed(comparison_of(metric, truth, answers[WRITER], answers[one])) for metric in METRICS[:-1]
            ]
            lines.append(f"| writer minus `{one}` | {' | '.join(cells)} | |")
    return "\n".join([*lines, "", taken(report)])


def _figure(found: Any) -> str:
    return f"{100 * found.value:.1f} [{100 * found.low:.1f}, {100 * found.high:.1f}]"


def _signed(found: Any) -> str:
    low, high = found.low, found.high
    return f"{100 * found.difference:+.1f} [{100 * low:+.1f}, {100 * high:+.1f}], p = {found.p_value:.3f}"


def taken(report: dict[str, Any]) -> str:
    """How the writer was trained, or why it was not."""
    own = [candidate for candidate in report["candidates"] if candidate["name"] == WRITER]
    minutes = f"{report['seconds'] / 60:.1f} of {report['budget_seconds'] / 60:g} min"
    spent = f"{minutes}, {report['settings']['threads']} threads"
    if not own:
        return f"{spent}; recommended: {report['recommended']}"
    one = own[0]
    if one["status"] != "trained":
        return f"{spent}; the writer did not run: {one['why']}"
    facts = {name: one[name] for name in ("train_seconds", "latency_ms", "fraction", "facts") if name in one}
    return f"{spent}; recommended: {report['recommended']}; {json.dumps(facts, default=str)}"


if __name__ == "__main__":
    main()
