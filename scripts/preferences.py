"""Preferences that a writer learns: what is gained on held-out pairs, beside a twin that learns the chosen answers alone.

    python scripts/preferences.py [--data FOLDER] [--set sgd] [--only dpo,ipo,reward_weighted,chosen] [--pairs 140]

Pairs come from real rows without people. sgd: of one turn of each dialogue the true reply is chosen, and the reply of
another dialogue whose context is the nearest by TF-IDF rejected. scitldr: the summary that a person wrote is chosen, the
first sentence of the abstract rejected. First the base learns the chosen answers of some prompts, as one would before
preferences; from there each way learns the pairs of other prompts, and a fifth of these is held out. `chosen` is the honest
twin: plain fine-tuning on the chosen answers of the same pairs, the same layers, as many passes, at its own rate.

`--data` names a folder with the whole sets, as `scripts/writers.py` takes it; without it the samples in `examples/` are
taken. A longer run: `--data FOLDER --set scitldr --first 400 --pairs 1200 --epochs 3 --upper-layers 6`. What is there
already is not made again.
"""

import argparse
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer

from metier.cli.console import ProgressLines
from metier.continual.update.preferences import PreferenceOptions, prefer
from metier.selection.api import train
from metier.text.segmentation import split_sentences

PROJECT = Path(__file__).parents[1]
EXAMPLES = PROJECT / "examples"
HISTORY = 3  # Messages of a conversation that are kept: these pairs are about the last turns.
NEAR_NOTHING = 0.01  # A temperature of weights at which the rejected answers count nothing.
WAYS: dict[str, dict[str, Any]] = {
    "dpo": {"by": "dpo"},
    "ipo": {"by": "dpo", "settings": {"loss": "ipo"}},
    "reward_weighted": {"by": "reward_weighted"},
    "chosen": {"by": "reward_weighted", "settings": {"reward_temperature": NEAR_NOTHING}},
    "reinforce": {"by": "reinforce", "reward": "rouge_l", "settings": {"samples": 4}},
}


def main() -> None:
    """Make pairs, begin a writer, let each way learn them, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--set", default="sgd", choices=tuple(SOURCES))
    parser.add_argument("--only", default="dpo,reward_weighted,chosen")
    parser.add_argument("--base", default="smollm2")
    parser.add_argument("--first", type=int, default=60, help="Prompts whose chosen answers are learned first.")
    parser.add_argument("--pairs", type=int, default=140)
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--upper-layers", type=int, default=3)
    parser.add_argument(
        "--answered", type=int, default=24, help="Test rows that are answered before and after."
    )
    parser.add_argument("--folder", type=Path, default=PROJECT / "runs" / "preferences")
    options = parser.parse_args()
    rows = SOURCES[options.set](options.data)
    order = np.random.default_rng(0).permutation(len(rows))
    rows = [rows[place] for place in order[: options.first + options.pairs + options.answered]]
    parts = np.split(np.arange(len(rows)), [options.first, options.first + options.pairs])
    first, pairs, test = ([rows[place] for place in part] for part in parts)
    place = options.folder / f"{options.set}-{options.first}-{options.pairs}"
    with ProgressLines() as listener:
        start = _begun(place, first, test, options, listener)
        for name in options.only.split(","):
            print(_line(name, _tuned(place, start, name, pairs, test, options, listener)), flush=True)


def replies(data: Path | None) -> list[dict[str, Any]]:
    """Pairs of replies: one turn of each dialogue, and the reply to the nearest context of another dialogue."""
    if data is None:
        paths = sorted((EXAMPLES / "sgd_dialogues" / "messages").glob("*.jsonl"))
        dialogues = [json.loads(line)["messages"] for path in paths for line in path.open(encoding="utf-8")]
    else:
        roles = {"USER": "user", "SYSTEM": "assistant"}
        with (data / "sgd_dialogues_small" / "train.jsonl").open(encoding="utf-8") as file:
            dialogues = [
                [
                    {"role": roles[turn["speaker"]], "content": turn["text"]}
                    for turn in json.loads(line)["turns"]
                ]
                for line in file
            ]
    asked, answers, owners = [], [], []
    for owner, messages in enumerate(dialogues):
        for end in range(1, len(messages), 2):
            shown = messages[max(0, end - HISTORY) : end]
            if messages[end]["role"] == "assistant" and shown[0]["role"] == "user":
                asked.append(shown)
                answers.append(messages[end]["content"])
                owners.append(owner)
    vectors = TfidfVectorizer(sublinear_tf=True).fit_transform(
        " ".join(message["content"] for message in messages) for messages in asked
    )
    found = []
    random = np.random.default_rng(0)
    places = [int(random.choice(np.flatnonzero(np.array(owners) == owner))) for owner in sorted(set(owners))]
    for place in places:
        near = np.argsort(-(vectors @ vectors[place].T).toarray().ravel())[:50]
        other = next(
            (one for one in near if owners[one] != owners[place] and answers[one] != answers[place]), None
        )
        if other is not None:
            found.append({"messages": asked[place], "chosen": answers[place], "rejected": answers[other]})
    return found


def summaries(data: Path | None) -> list[dict[str, Any]]:
    """Pairs of summaries: the one that a person wrote, and the first sentence of the abstract."""
    folder = (data or EXAMPLES) / "scitldr"
    found = []
    for name in ("train", "dev", "test"):
        for line in (folder / f"{name}.jsonl").open(encoding="utf-8"):
            row = json.loads(line)
            lead = split_sentences(row["document"])[0]
            found.append({"text": row["document"], "chosen": row["summary"], "rejected": lead})
    return found


SOURCES = {"sgd": replies, "scitldr": summaries}


def _begun(place: Path, first: list[Any], test: list[Any], options: argparse.Namespace, listener: Any) -> Path:
    """Give the writer that all ways begin with: the base after it learned chosen answers."""
    run, start = place / "baseline", place / "start"
    if not (run / "report.json").exists():
        rows = [_labelled(row) for row in first]
        train(
            rows,
            test=[_labelled(row) for row in test],
            candidates=["nearest_reply.v1"],
            run=run,
            overwrite=True,
        )
    if not start.exists():
        settings = {**_common(options), "reward_temperature": NEAR_NOTHING}
        how = PreferenceOptions(by="reward_weighted", base=options.base, settings=settings, answered=2)
        prefer(run, first, output=start, options=how, listener=listener)
    return start


def _labelled(row: dict[str, Any]) -> dict[str, Any]:
    """Give a pair as a row to learn from: its chosen answer is the target."""
    if "messages" in row:
        return {"messages": [*row["messages"], {"role": "assistant", "content": row["chosen"]}]}
    return {"text": row["text"], "target": row["chosen"]}


def _common(options: argparse.Namespace) -> dict[str, Any]:
    return {"epochs": options.epochs, "upper_layers": options.upper_layers, "precision": "fp32"}


def _tuned(
    place: Path,
    start: Path,
    name: str,
    pairs: list[Any],
    test: list[Any],
    options: argparse.Namespace,
    listener: Any,
) -> dict[str, Any]:
    kept = place / f"{name}.json"
    if not kept.exists():
        way = dict(WAYS[name])
        settings = {**_common(options), **way.pop("settings", {})}
        how = PreferenceOptions(
            settings=settings, answered=options.answered, drops_leaks=True, drops_conflicts=True, **way
        )
        began = time.process_time()
        rows = [_labelled(row) for row in test]
        found = prefer(
            start, pairs, test=rows, output=place / name, overwrite=True, options=how, listener=listener
        )
        kept.write_text(
            json.dumps(found.facts | {"cpu_seconds": time.process_time() - began}), encoding="utf-8"
        )
    facts: dict[str, Any] = json.loads(kept.read_text(encoding="utf-8"))
    return facts


def _line(name: str, facts: dict[str, Any]) -> str:
    preferred, quality, length = facts["preferred"], facts["quality"], facts["length"]
    cells = [
        _change(preferred["accuracy"], 100),
        _gain(preferred["margin"], 1, 2),
        f"{_gain(quality, 100)} ({quality['rows']})",
        _gain(length, 1),
        *([_gain(facts["reward"], 1, 3)] if "reward" in facts else []),
        f"{facts['cpu_seconds']:.0f} s",
        "yes" if facts["verdict"]["may_go_live"] else "; ".join(facts["verdict"]["why"]),
    ]
    return f"| {name} ({preferred['n']} held-out pairs) | {' | '.join(cells)} |"


def _change(one: dict[str, Any], times: float) -> str:
    return f"{times * one['before']['value']:.1f} to {times * one['after']['value']:.1f}, {_gain(one, times)}"


def _gain(one: dict[str, Any], times: float, digits: int = 1) -> str:
    value, low, high = (f"{times * one['gain'][part]:+.{digits}f}" for part in ("value", "low", "high"))
    return f"{value} [{low}, {high}]"


if __name__ == "__main__":
    main()
