"""What the memory of a conversation brings back, by the distance of what is needed.

    python scripts/dialogue_memory.py --data FOLDER [--split dev] [--writer RUN | --base smollm2] [--losses N]

The folder is `sgd_dialogues_small`. A case is a reply of the system that says a slot's value which the user's last message
does not have, and which somebody said before; its distance is the number of turns since. Between the exchange with the
value and the rest of the dialogue none to four other dialogues are put, each number once, as of a caller who came with
other matters, so that distances are up to a hundred turns. For each rule of the context: in how many cases the value is
within what the writer is given. With a writer, or a base that was not tuned, the mean loss of the true reply's tokens too,
on as many cases as --losses says. Intervals are 95 % bootstraps over dialogues.
"""

import argparse
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import metier
from metier.bases.generative_bases import (
    load_codec,
    load_language_model,
    resolve_generative_base,
    working_dtype,
)
from metier.dialogue.memory.context_rule import ContextRule, build_context, words_of
from metier.predictors.text.prompting import PLAIN_TEMPLATE, Prompts, PromptSettings
from metier.transformer.generation.label_likelihood import likelihoods_behind

BUCKETS = ((2, 4), (5, 10), (11, 20), (21, 50), (51, 1_000))
RULES = {
    "last message alone": None,
    "newest turns alone": ContextRule(retrieved_fraction=0, summary_fraction=0),
    "and a summary": ContextRule(retrieved_fraction=0, summary_fraction=0.35),
    "and retrieved lines": ContextRule(retrieved_fraction=0.35, summary_fraction=0),
    "and both": ContextRule(retrieved_fraction=0.25, summary_fraction=0.1),
}
MOST_BETWEEN = 4
RESAMPLES = 1_000


@dataclass(frozen=True)
class Case:
    """A reply that needs something said before."""

    dialogue: str
    messages: list[dict[str, str]]
    reply: str
    value: str
    distance: int


def turns_of(dialogue: dict[str, Any]) -> list[dict[str, str]]:
    """The turns of a dialogue as messages."""
    roles = {"USER": "user", "SYSTEM": "assistant"}
    return [{"role": roles[turn["speaker"]], "content": turn["text"]} for turn in dialogue["turns"]]


def cases_of(dialogues: Sequence[dict[str, Any]], random: np.random.Generator) -> Iterator[Case]:
    """Give the cases of dialogues, each with none to four other dialogues put behind the value."""
    for dialogue in dialogues:
        turns = turns_of(dialogue)
        for place, turn in enumerate(dialogue["turns"]):
            if turn["speaker"] != "SYSTEM" or place < 3:
                continue
            for value in values_of(turn):
                said = [at for at in range(place) if value in turns[at]["content"].lower()]
                if not said or said[-1] >= place - 1:
                    continue
                end = said[-1] + 1 + (said[-1] % 2 == 0)  # Whole exchanges: the user speaks first.
                others = [one for one in dialogues if one is not dialogue]
                drawn = random.choice(len(others), MOST_BETWEEN, replace=False)
                for n_between in range(MOST_BETWEEN + 1):
                    between = [
                        line for other in drawn[:n_between] for line in whole_exchanges(turns_of(others[other]))
                    ]
                    if any(value in line["content"].lower() for line in between):
                        break
                    messages = [*turns[:end], *between, *turns[end:place]]
                    distance = place - said[-1] + len(between)
                    yield Case(dialogue["dialogue_id"], messages, turns[place]["content"], value, distance)
                break


def whole_exchanges(turns: list[dict[str, str]]) -> list[dict[str, str]]:
    """The turns without a last one that nobody replied to."""
    return turns[: len(turns) - len(turns) % 2]


def values_of(turn: dict[str, Any]) -> list[str]:
    """The values of slots that a turn says, in lower case."""
    return [
        turn["text"][slot["start"] : slot["exclusive_end"]].lower()
        for frame in turn["frames"]
        for slot in frame["slots"]
        if slot["exclusive_end"] - slot["start"] > 2
    ]


def read_by(case: Case, rule: ContextRule | None, room: int, cost: Any) -> list[dict[str, str]]:
    """What a writer is given by a rule."""
    if rule is None:
        return case.messages[-1:]
    return build_context(case.messages, room=room, cost=cost, rule=rule).messages


def told(values: np.ndarray, groups: np.ndarray, scale: float = 100) -> str:
    """A mean with its interval, dialogues drawn with all their cases."""
    if not len(values):
        return "-"
    random = np.random.default_rng(0)
    places = [np.flatnonzero(groups == group) for group in np.unique(groups)]
    means = []
    for _ in range(RESAMPLES):
        drawn = np.concatenate([places[at] for at in random.integers(0, len(places), len(places))])
        means.append(values[drawn].mean())
    low, high = np.quantile(means, (0.025, 0.975)) * scale
    digits = 1 if scale == 100 else 3
    return f"{values.mean() * scale:.{digits}f} [{low:.{digits}f}, {high:.{digits}f}]"


def show(title: str, cases: Sequence[Case], by_rule: dict[str, np.ndarray], scale: float) -> None:
    """Print a table: a row a rule, a column a distance."""
    distances = np.array([case.distance for case in cases])
    groups = np.array([case.dialogue for case in cases])
    print(title)
    print("| rule | all | " + " | ".join(f"{low} to {high}" for low, high in BUCKETS) + " |")
    print("|---" * (len(BUCKETS) + 2) + "|")
    for name, values in by_rule.items():
        cells = [told(values, groups, scale)]
        for low, high in BUCKETS:
            rows = (distances >= low) & (distances <= high)
            cells.append(told(values[rows], groups[rows], scale))
        print(f"| {name} | " + " | ".join(cells) + " |")
    counts = [int(((distances >= low) & (distances <= high)).sum()) for low, high in BUCKETS]
    print(f"cases: {len(cases)}, by distance {counts}\n", flush=True)


class Base:
    """A base that was not tuned, asked as it is asked in training."""

    def __init__(self, name: str):
        base = resolve_generative_base(name)
        self.model = load_language_model(base, dtype=working_dtype(base))
        self.codec = load_codec(base.folder)
        template = json.loads((base.folder / "tokenizer_config.json").read_text("utf-8")).get("chat_template")
        settings = PromptSettings("reply", "Reply to the user.", template or PLAIN_TEMPLATE, 2_000)
        self.prompts = Prompts(settings, self.codec)

    def count_tokens(self, text: str) -> int:
        """Give how many tokens a text has."""
        return len(self.codec.encode(text))

    def answer_loss(self, item: Any, answer: str) -> float:
        """Give the mean negative log-likelihood of the tokens of an answer."""
        ids = self.codec.encode_target(answer)
        return -float(likelihoods_behind(self.model, self.prompts.build(item)[0], [ids])[0]) / len(ids)


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="Folder of sgd_dialogues_small.")
    parser.add_argument("--writer", type=Path, help="A run or bundle that writes replies, exported to ONNX.")
    parser.add_argument("--base", help="A base instead, such as smollm2, as it came.")
    parser.add_argument("--split", default="test", help="Which file: train, dev or test.")
    parser.add_argument("--cases", type=int, default=1_000)
    parser.add_argument("--losses", type=int, default=60, help="Cases whose replies are scored by the writer.")
    parser.add_argument("--room", type=int, default=200, help="Tokens (words without a writer) of the context.")
    given = parser.parse_args()
    with (given.data / f"{given.split}.jsonl").open(encoding="utf-8") as file:
        dialogues = [json.loads(line) for line in file]
    random = np.random.default_rng(0)
    found = list(cases_of(dialogues, random))
    picked = random.permutation(len(found))[: given.cases]
    cases = [found[at] for at in picked]
    writer: Any = None if given.writer is None else metier.load(given.writer).predictor
    writer = Base(given.base) if given.base else writer
    cost = words_of if writer is None else writer.count_tokens
    unit = "words" if writer is None else "tokens"
    within = {name: np.zeros(len(cases)) for name in RULES}
    for name, rule in RULES.items():
        for row, case in enumerate(cases):
            texts = [message["content"].lower() for message in read_by(case, rule, given.room, cost)]
            within[name][row] = any(case.value in text for text in texts)
    show(
        f"The value is within a context of {given.room} {unit}, % of cases, by turns since it was said",
        cases,
        within,
        100,
    )
    if writer is None:
        return
    some = cases[: given.losses]
    losses = {
        name: np.array(
            [
                writer.answer_loss({"messages": read_by(case, RULES[name], given.room, cost)}, case.reply)
                for case in some
            ]
        )
        for name in ("last message alone", "newest turns alone", "and retrieved lines", "and both")
    }
    show("Mean loss of the tokens of the true reply (lower is better)", some, losses, 1)
    groups = np.array([case.dialogue for case in some])
    for name in ("last message alone", "newest turns alone"):
        gain = losses[name] - losses["and both"]
        print(f"loss less with memory than with {name}: {told(gain, groups, 1)}")


if __name__ == "__main__":
    main()
