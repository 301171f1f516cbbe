"""Seals every candidate of a finished run: manifest, hashes, model card."""

from pathlib import Path
from typing import Any

from metier.bundles import ManifestFacts, seal, write_card
from metier.bundles.manifest import DataFacts, Latency, Manifest, MeasuredFacts, PredictorFacts, TaskFacts
from metier.data.rows import INPUT_ROLES, TARGET_ROLES, Roles
from metier.predictors.loading import read_settings
from metier.runs.run_folder import Entry
from metier.selection.comparison import Comparison
from metier.selection.settings import arguments_of
from metier.storage import share_content
from metier.text.normalisation import replace_surrogates

# What the predictor's own settings say of calibration; the rest of them is vocabulary and file names.
CALIBRATION_KEYS = ("temperature", "temperatures", "weights", "threshold", "certificate")
SHARED_FROM_BYTES = 64_000  # A smaller file takes few blocks of the disk.


def seal_candidates(comparison: Comparison, report: dict[str, Any]) -> None:
    """Write the card of each trained candidate and seal its folder; equal files of them lie on the disk once."""
    first_ones: dict[str, Path] = {}
    reported = {one["name"]: one for one in report["candidates"]}
    for entry in comparison.trained:
        folder = comparison.run.candidate(entry.name)
        facts = _facts(comparison, entry, reported[entry.name], report)
        write_card(folder, facts)
        _share_equal_files(folder, seal(folder, facts), first_ones)


def _share_equal_files(folder: Path, manifest: Manifest, first_ones: dict[str, Path]) -> None:
    """Let the large files of a sealed folder share the disk with equal ones before it, which are kept by SHA-256.

    Candidates of one base hold the same tokenizer, and where its weights stay frozen the same graph of 100 MB or more.
    """
    for name, file in manifest.files.items():
        if file.size_bytes >= SHARED_FROM_BYTES:
            share_content(first_ones.setdefault(file.sha256, folder / name), folder / name)


def _columns(roles: Roles) -> dict[str, str]:
    """Give the columns of inputs, targets and groups: what other rows are to be read by."""
    kept = (*INPUT_ROLES, *TARGET_ROLES, "group")
    return {role: column for role, column in roles.named.items() if role in kept}


def _facts(
    comparison: Comparison, entry: Entry, reported: dict[str, Any], report: dict[str, Any]
) -> ManifestFacts:
    settings = read_settings(comparison.run.candidate(entry.name))
    base = entry.params.get("base") or arguments_of(comparison.settings, entry.name).get("base")
    data, machine = report["data"], report["machine"]
    return ManifestFacts(
        name=entry.name,
        task=TaskFacts(
            name=report["task"],
            answer=comparison.task.answer.name,
            labels=tuple(settings.get("labels", ())),
            primary_metric=report["primary_metric"],
            input_keys=comparison.task.input_keys,
        ),
        method=entry.name,
        method_params=entry.params,
        predictor=PredictorFacts(kind=settings["kind"], name=settings["name"]),
        calibration={key: settings[key] for key in CALIBRATION_KEYS if key in settings},
        base={"name": base} if base else None,
        adaptation=entry.facts.get("adaptation"),
        data=DataFacts(
            fingerprint=data["fingerprint"],
            origin=replace_surrogates(data["origin"]),
            rows=data["rows"],
            trained_on=entry.rows_seen,
            roles=_columns(comparison.train.roles),
            language=data["language"],
            language_shares=data["language_shares"],
        ),
        seeds={"random_state": comparison.settings.random_state},
        packages=report["versions"],
        measured=MeasuredFacts(
            latency_ms=Latency(**entry.cost["latency_ms"]),
            rows_per_second=entry.cost["rows_per_second"],
            size_bytes=entry.cost["size_bytes"],
            cpu=machine["cpu"],
            instruction_sets=tuple(machine["instruction_sets"]),
        ),
        metrics={split: reported[split] for split in ("validation", "test")},
    )
