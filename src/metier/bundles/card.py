"""The model card: `README.md` of a bundle, with the front matter that Hugging Face reads."""

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from metier import evaluation
from metier.bundles.manifest import ManifestFacts, SpeechFacts
from metier.evaluation.measure_table import metric_name
from metier.storage import write_text

CARD_FILE = "README.md"
SHOWN_LABELS = 30
# What Hugging Face calls our metrics; the others have no name there.
METRIC_TYPES = {
    "accuracy": "accuracy",
    "macro_f1": "f1",
    "entity_f1": "f1",
    "triple_f1": "f1",
    "exact_match": "exact_match",
    "rouge_l": "rougeL",
    "bleu": "bleu",
    "mae": "mae",
}
# Measures of probabilities that stand in no table of metrics: whether each is a share of one.
OF_PROBABILITIES = {"log_loss": False, "calibration_error": True}
PYTHON_BLOCK = re.compile(r"```python\n.*?```", re.DOTALL)


def write_card(folder: Path, facts: ManifestFacts) -> None:
    """Write the model card of a bundle; call it before `seal`, which hashes the card with the rest.

    Parameters
    ----------
    folder : Path
        The bundle. A subfolder `huggingface`, its own or a member's, makes the card hold the lines that
        rebuild the encoder in plain transformers.
    facts : ManifestFacts
        What the manifest will say.

    Raises
    ------
    StorageError
        If the card cannot be written.
    """
    parts = [
        _front_matter(facts),
        _summary(facts),
        _loading(facts),
        _training(facts),
        _compression(facts),
        _quality(facts),
        _cost(facts),
        _limits(facts),
        *_rebuilding(folder),
    ]
    write_text(folder / CARD_FILE, "\n\n".join(part for part in parts if part) + "\n")


def _front_matter(facts: ManifestFacts) -> str:
    scores, hub_task = facts.metrics.get("test") or {}, facts.task.answer_kind.words.hub_task
    results = [
        {"type": METRIC_TYPES[name], "name": _capitalised(metric_name(name)), "value": round(_value(score), 5)}
        for name, score in scores.items()
        if name in METRIC_TYPES
    ]
    for result in results:
        if result["name"] == "Macro-F1":
            result["args"] = {"average": "macro"}
    data: dict[str, Any] = {"name": Path(facts.data.origin).name, "type": "custom", "split": "test"}
    matter: dict[str, Any] = {
        "library_name": "metier",
        "pipeline_tag": hub_task,
        "tags": ["metier", hub_task, facts.method],
    }
    if facts.data.language in ("en", "zh"):
        matter["language"] = [facts.data.language]
    if facts.base and facts.base.get("name"):
        matter["base_model"] = str(facts.base["name"])
    if results:
        task = {"type": hub_task, "name": _capitalised(hub_task.replace("-", " "))}
        entry = {"name": facts.name, "results": [{"task": task, "dataset": data, "metrics": results}]}
        matter["model-index"] = [entry]
    return f"---\n{yaml.safe_dump(matter, allow_unicode=True, sort_keys=False)}---"


def _summary(facts: ManifestFacts) -> str:
    labels = facts.task.labels
    shown = ", ".join(f"`{label}`" for label in labels[:SHOWN_LABELS])
    more = f", and {len(labels) - SHOWN_LABELS} more (in `manifest.json`)" if len(labels) > SHOWN_LABELS else ""
    gives = facts.task.answer_kind.words.gives.format(n=len(labels), item=facts.task.input_kind.noun)
    made = f"Made by `{facts.method}` of metier {facts.packages.get('metier', '')}".rstrip()
    listed = f"\n\nLabels: {shown}{more}." if labels else ""
    return f"# {facts.name}\n\n{gives} {made}.{listed}"


def _loading(facts: ManifestFacts) -> str:
    question = json.dumps(facts.task.input_kind.example, ensure_ascii=False)
    return (
        "## How to load it\n\n"
        "```python\n"
        "import metier\n\n"
        'bundle = metier.load("path/to/this/folder")\n'
        f"print(bundle.predict([{question}]).predicted)\n"
        "```\n\n"
        "Or over HTTP: `metier serve path/to/this/folder`. Neither needs torch, and no file here can run code: "
        "loading compares every file with the SHA-256 in `manifest.json` and refuses anything but data."
    )


def _training(facts: ManifestFacts) -> str:
    data = facts.data
    rows = ", ".join(f"{count:,} {split}" for split, count in data.rows.items())
    lines = [
        f"- Rows: {rows}, from `{Path(data.origin).name}`; trained on {data.trained_on}.",
        f"- Fingerprint of the training rows: `{data.fingerprint}`.",
    ]
    if facts.base:
        base = ", ".join(f"{key} {value}" for key, value in facts.base.items())
        lines.append(f"- Base: {base}" + (f"; adaptation: {facts.adaptation}." if facts.adaptation else "."))
    if facts.speech:
        lines.append(_heard_by(facts.speech))
    for title, chosen in (("Chosen on validation", facts.method_params), ("Calibration", facts.calibration)):
        if chosen:
            lines.append(
                f"- {title}: " + ", ".join(f"{key} = {_plain(value)}" for key, value in chosen.items()) + "."
            )
    if facts.seeds:
        lines.append("- Seeds: " + ", ".join(f"{what} {seed}" for what, seed in facts.seeds.items()) + ".")
    if facts.packages:
        lines.append(
            "- Packages: " + ", ".join(f"{name} {version}" for name, version in facts.packages.items()) + "."
        )
    return "## What it was trained on\n\n" + "\n".join(lines)


def _compression(facts: ManifestFacts) -> str:
    """Say what a smaller model was made from, how, and what its tests showed."""
    made = facts.compression
    if made is None:
        return ""
    tests, timing, source = made["judgement"], made["timing"], made["made_from"]
    ends = ", ".join(f"{100 * tests[end]:+.1f}" for end in ("low", "high"))
    return (
        "## How it was made smaller\n\n"
        f"- Made from `{source['name']}` (sealed {source['created']}, {source['size_bytes'] / 1e6:,.1f} MB) by "
        f"`{'+'.join(made['chain'])}`, in this order.\n"
        f"- Two one-sided tests on {tests['rows']:,} validation rows, margin {100 * tests['margin']:g} points: "
        f"{tests['verdict']}; {metric_name(tests['metric'])} differs by {100 * tests['difference']:+.1f} points "
        f"[{ends}], {tests['n_flips']:,} answers changed (some are in `manifest.json`).\n"
        f"- Measured by turns with it: {timing['after_ms']:.3g} ms for one row against {timing['before_ms']:.3g} ms, on "
        "one thread."
    )


def _heard_by(speech: SpeechFacts) -> str:
    """Say what turned the recordings into the texts, and what it hears."""
    many = "many languages" if speech.languages == ("*",) else ", ".join(speech.languages)
    told = f", told that {speech.language} is spoken" if speech.language else ""
    before = "" if speech.beside is None else f"the column {speech.beside}, then "
    return (
        f"- Texts: {before}what the speech model {speech.name} (SHA-256 `{speech.sha256[:16]}…`) heard in recordings; it "
        f"hears {many}{told}."
    )


def _quality(facts: ManifestFacts) -> str:
    splits = [split for split in ("validation", "test") if facts.metrics.get(split)]
    splits += [split for split in facts.metrics if split not in ("validation", "test") and facts.metrics[split]]
    if not splits:
        return ""
    names = list(dict.fromkeys(name for split in splits for name in facts.metrics[split]))
    lines = ["| metric | " + " | ".join(splits) + " |", "|---" * (len(splits) + 1) + "|"]
    for name in names:
        cells = [_score(name, facts.metrics[split].get(name)) for split in splits]
        lines.append(f"| {_capitalised(metric_name(name))} | " + " | ".join(cells) + " |")
    note = "In brackets: 95 % confidence intervals."
    if not facts.data.trained_on.endswith("train") and "validation" in splits:
        note += (
            " The validation scores are of the model before its refit, which includes those rows; the test "
            "scores are of the model in this folder."
        )
    return "## Evaluation\n\n" + "\n".join(lines) + f"\n\n{note}"


def _cost(facts: ManifestFacts) -> str:
    measured = facts.measured
    if measured is None:
        return ""
    latency = measured.latency_ms
    threads = "one thread" if measured.threads == 1 else f"{measured.threads} threads"
    machine = f" on {measured.cpu}" if measured.cpu else ""
    return (
        "## Cost of a prediction\n\n"
        f"{latency.p50:.2g} ms for one text (median; 95th percentile {latency.p95:.2g} ms), "
        f"{measured.rows_per_second:,.0f} texts a second in batches, "
        f"{measured.size_bytes / 1e6:,.1f} MB to load. Measured with {threads}{machine}."
    )


def _limits(facts: ManifestFacts) -> str:
    always = (
        f"- It always predicts one of its {len(facts.task.labels)} labels, even where none fits; a low "
        "probability is the only sign of that."
    )
    lines = [
        *([always] if facts.task.answer_kind.words.always_answers else []),
        "- The scores hold for texts like those of the test rows. Other sources, later times and other "
        "languages need their own test rows.",
        "- Probabilities were calibrated on validation rows; when the label distribution changes, they are "
        "no longer calibrated.",
    ]
    if "test" not in facts.metrics:
        lines.append(
            "- It was not evaluated on a test split: the scores above were also used to choose the model."
        )
    return "## Limits\n\n" + "\n".join(lines)


def _rebuilding(folder: Path) -> list[str]:
    """The lines that the encoder's own folder holds, with the way to it from here."""
    parts = []
    for head in sorted(folder.rglob("huggingface/head.safetensors")):
        place = head.parent.relative_to(folder).as_posix()
        notes = head.parent / CARD_FILE
        block = PYTHON_BLOCK.search(notes.read_text(encoding="utf-8")) if notes.is_file() else None
        if block is None:
            continue
        lines = block[0].replace('Path("huggingface")', f'Path("{place}")')
        what = "the whole model" if place == "huggingface" else f"the member `{head.parent.parent.name}`"
        parts.append(
            f"## In plain transformers: {place}\n\n"
            f"`{place}` is a Hugging Face folder with the head beside it. These lines, run in this folder, "
            f"rebuild {what}:\n\n{lines}"
        )
    return parts


def _capitalised(text: str) -> str:
    return text[:1].upper() + text[1:]


def _value(score: Any) -> float:
    return float(score["value"] if isinstance(score, Mapping) else score)


def _score(name: str, score: Any) -> str:
    if score is None:
        return "–"
    scale, digits, sign = (100, 1, " %") if _is_fraction(name) else (1, 3, "")
    text = f"{_value(score) * scale:.{digits}f}{sign}"
    if isinstance(score, Mapping) and "low" in score and "high" in score:
        text += f" [{score['low'] * scale:.{digits}f}, {score['high'] * scale:.{digits}f}]"
    return text


def _is_fraction(name: str) -> bool:
    return OF_PROBABILITIES[name] if name in OF_PROBABILITIES else evaluation.is_fraction(name)


def _plain(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, Mapping):
        return "(" + ", ".join(f"{key} {_plain(each)}" for key, each in value.items()) + ")"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return "(" + ", ".join(_plain(each) for each in value) + ")"
    return str(value)
