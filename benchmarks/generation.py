"""The small language model: cost of 8 bits, generation speed of each format, and quality of summaries.

It is fine-tuned for a few minutes on the abstracts of examples/scitldr (or `--data`), exported in fp32 and in 8 bits,
with the equivalence check of every export (`export.generation_export`). Then torch in fp32, torch in bf16
and both exports write the same summaries one at a time, on one thread. Seconds are of the process.

    python -m benchmarks.generation [--train-minutes 1] [--written 4] [--rows 20] [--data FOLDER]
"""

import argparse
import json
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch

import metier
from metier.evaluation.text_measures import rouge_l
from metier.machine import describe_machine
from metier.predictors.loading import load_predictor
from metier.predictors.text.extracted_sentences import lead
from metier.tasks.generation import Generation
from metier.transformer.generation.generator import Generator
from metier.transformer.generation.torch_generation import TorchGenerationPredictor

EXAMPLES = Path(__file__).parents[1] / "examples" / "scitldr"


def main() -> None:
    """Train, export, time, print one line of JSON for each step."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--train-minutes", type=float, default=1.0)
    parser.add_argument("--written", type=int, default=4, help="Summaries that are timed in each form.")
    parser.add_argument("--rows", type=int, default=20, help="Test rows whose summaries are rated.")
    parser.add_argument(
        "--gate-rows", type=int, default=24, help="Answers for the equivalence check of 8 bits."
    )
    parser.add_argument("--data", type=Path, default=EXAMPLES)
    options = parser.parse_args()
    train, dev, test = (metier.read(options.data / f"{part}.jsonl") for part in ("train", "dev", "test"))
    task = Generation.from_rows(train)
    validation = dev.take(range(min(options.gate_rows, len(dev))))
    method = Generator(base="smollm2", epochs=1, time_limit_minutes=options.train_minutes)
    method.fit(
        task.items(train), task.targets(train), validation=(task.items(validation), task.targets(validation))
    )
    say(
        "training", {name: method.facts_[name] for name in ("steps", "stopped_by", "rows_per_second", "epochs")}
    )
    items, truth = task.items(test), task.targets(test)
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        exported = {}
        for precision in ("auto", "other"):
            if precision == "other":
                method.precision = "fp32" if method.facts_["export"]["precision"] == "int8" else "int8"
            (place := Path(folder, precision)).mkdir()
            method.export(place)
            if precision == "auto":
                say("gate", method.facts_["export"])
                exported["auto"] = load_predictor(place, threads=1)
            exported[method.facts_["export"]["precision"]] = load_predictor(place, threads=1)
        forms: dict[str, Any] = {
            "torch fp32": torch_form(method, torch.float32),
            "torch bf16": torch_form(method, torch.bfloat16),
            "onnx fp32": exported["fp32"],
            "onnx int8": exported["int8"],
        }
        for name, predictor in forms.items():
            say(name, speed(predictor, items[: options.written], method._encoding_.codec.encode))
        rate(exported["auto"], items[: options.rows], truth[: options.rows])


def torch_form(method: Generator, dtype: torch.dtype) -> TorchGenerationPredictor:
    """The fine-tuned model in a number format."""
    method.predictor_.model.to(dtype)
    return TorchGenerationPredictor(method.predictor_.model, method._encoding_.codec, method._settings())


def speed(predictor: Any, items: Sequence[Any], encode: Callable[[str], list[int]]) -> dict[str, float]:
    """Tokens that are written in a second, the reading of the prompt included."""
    predictor.predict(items[:1])  # A first answer is slow.
    begun, cpu = time.perf_counter(), time.process_time()
    tokens = sum(len(encode(predictor.predict([item]).predicted[0])) for item in items)
    seconds, cpu_seconds = time.perf_counter() - begun, time.process_time() - cpu
    return {
        "tokens": tokens,
        "tokens_per_second": tokens / seconds,
        "tokens_per_cpu_second": tokens / cpu_seconds,
    }


def rate(predictor: Any, items: Sequence[Any], truth: Sequence[Any]) -> None:
    """ROUGE-L of what was exported beside the first sentence, on the same rows."""
    written = predictor.predict(items).predicted
    own = [rouge_l(true, text) for true, text in zip(truth, written, strict=True)]
    baseline = [rouge_l(true, lead(text, 1)) for true, text in zip(truth, items, strict=True)]
    say(
        "rouge_l",
        {"rows": len(own), "generator.v1": sum(own) / len(own), "lead": sum(baseline) / len(baseline)},
    )
    say("machine", describe_machine())


def say(what: str, facts: Any) -> None:
    """Print one line of facts at once."""
    print(json.dumps({what: facts}, default=str, ensure_ascii=False), flush=True)


if __name__ == "__main__":
    main()
