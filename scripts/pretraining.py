"""Raw texts of a domain before labels: what a writer's base learns and forgets, and whether the tuned writer gains from it.

    python scripts/pretraining.py [--data FOLDER] [--texts 40] [--rows 40] [--replays 0.1,0.5]

Domain texts are abstracts of scitldr that stand in no row of the comparison. For each share of replay the base (SmolLM2)
goes on learning them, and the perplexities of held-out pieces of the domain and of texts that the base wrote itself are
printed before and after, with the change in nats a token and its 95 % interval. Then the twin: `generator.v1` on the plain
base and on each pretrained one learn the same rows, and the loss on the summaries of other rows is compared, paired by row.

Small as it is, the default takes about ten minutes of one core. `--texts 1500 --rows 800 --upper-layers 6` is a real run.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np

from metier.bases.generative_bases import resolve_generative_base
from metier.cli.console import ProgressLines
from metier.tasks.generation import check_texts
from metier.transformer.generation.generation_rows import Writer
from metier.transformer.generation.generator import Generator
from metier.transformer.unlabelled.causal_pretraining import CausalSettings, pretrain_writer

PROJECT = Path(__file__).parents[1]
EXAMPLES = PROJECT / "examples"


def main() -> None:
    """Pretrain with each share of replay, tune from each, and print both tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--base", default="smollm2")
    parser.add_argument("--texts", type=int, default=40)
    parser.add_argument("--rows", type=int, default=40)
    parser.add_argument("--judged", type=int, default=40)
    parser.add_argument("--replays", default="0.1,0.5")
    parser.add_argument("--upper-layers", type=int, default=3)
    options = parser.parse_args()
    rows = _read(options.data)
    order = np.random.default_rng(0).permutation(len(rows))
    ends = np.cumsum([options.texts, options.rows, options.judged])
    parts = [[rows[place] for place in part] for part in np.split(order, ends)[:3]]
    texts = [document for document, _ in parts[0]]
    base = resolve_generative_base(options.base)
    bases: dict[str, Any] = {"plain": base}
    print(
        "| replay | domain: before, after | change, nats a token | general: before, after | change, nats a token |"
    )
    print("|---|---|---|---|---|")
    with ProgressLines() as listener:
        for share in map(float, options.replays.split(",")):
            settings = CausalSettings(replay_fraction=share, upper_layers=options.upper_layers)
            bases[f"replay {share:g}"], facts = pretrain_writer(base, texts, settings, listener=listener)
            print(f"| {share:g} | {_told(facts['domain'])} | {_told(facts['general'])} |", flush=True)
        losses = {name: _losses(one, parts[1], parts[2], options, listener) for name, one in bases.items()}
    print("\n| tuned on | loss of summaries, nats a token | difference from plain |\n|---|---|---|")
    for name, found in losses.items():
        gain = "" if name == "plain" else _mean(found - losses["plain"])
        print(f"| {name} | {found.mean():.3f} | {gain} |")


def _read(data: Path | None) -> list[tuple[str, str]]:
    folder = (data or EXAMPLES) / "scitldr"
    with (folder / "train.jsonl").open(encoding="utf-8") as file:
        found = [json.loads(line) for line in file]
    return [(row["document"], row["summary"]) for row in found]


def _told(one: dict[str, Any] | None) -> str:
    if one is None:
        return "– | –"
    change = one["nats"]
    written = f"{change['value']:+.3f} [{change['low']:+.3f}, {change['high']:+.3f}]"
    return f"{one['before']:.1f}, {one['after']:.1f} ({one['pieces']} pieces) | {written}"


def _losses(
    base: Any,
    rows: list[tuple[str, str]],
    judged: list[tuple[str, str]],
    options: argparse.Namespace,
    listener: Any,
) -> np.ndarray:
    """Give the mean loss of each judged summary under a writer that was tuned from a base."""
    method = Generator(base=base, epochs=2, upper_layers=options.upper_layers, context=512)
    method.fit(*map(list, zip(*rows, strict=True)), listener=listener)
    held, _ = method._encoding_.rows(check_texts(*map(list, zip(*judged, strict=True))))
    return Writer(method.predictor_.model, is_encoder_decoder=False).losses(held, token_budget=1024)


def _mean(differences: np.ndarray) -> str:
    """Give the mean with its 95 % interval by bootstrap over rows."""
    drawn = np.random.default_rng(0).choice(differences, size=(2_000, len(differences))).mean(axis=1)
    low, high = np.quantile(drawn, [0.025, 0.975])
    return f"{differences.mean():+.3f} [{low:+.3f}, {high:+.3f}]"


if __name__ == "__main__":
    main()
