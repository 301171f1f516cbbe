"""Seals every candidate of a finished run: manifest, hashes, model card."""

from pathlib import Path
from typing import Any

import numpy as np

from metier.bundles import ManifestFacts, seal, write_card
from metier.bundles.label_sets import write_label_sets
from metier.bundles.manifest import DataFacts, Latency, Manifest, MeasuredFacts, PredictorFacts, TaskFacts
from metier.data.columns.audio_columns import heard_beside
from metier.data.rows import INPUT_ROLES, TARGET_ROLES, Rows
from metier.predictors.loading import read_settings
from metier.runs.run_folder import Entry
from metier.selection.comparison import Comparison
from metier.selection.rows.hearing import speech_facts
from metier.selection.settings import arguments_of
from metier.storage import share_content
from metier.tasks.answers import LABEL
from metier.text.normalisation import replace_surrogates

# What the predictor's own settings say of calibration; the rest of them is vocabulary and file names.
CALIBRATION_KEYS = ("temperature", "temperatures", "weights", "threshold", "certificate")
SCOPE_KEYS = ("kind", "cut", "kept", "criterion", "validation_rows")
SHARED_FROM_BYTES = 64_000  # A smaller file takes few blocks of the disk.


def seal_candidates(comparison: Comparison, report: dict[str, Any]) -> None:
    """Write the card of each trained candidate and seal its folder; equal files of them lie on the disk once."""
    first_ones: dict[str, Path] = {}
    reported = {one["name"]: one for one in report["candidates"]}
    for entry in comparison.trained:
        folder = comparison.run.candidate(entry.name)
        facts = _facts(comparison, entry, reported[entry.name], report)
        write_card(folder, facts)
        _keep_label_sets(comparison, entry, folder, facts.task.labels)
        _share_equal_files(folder, seal(folder, facts), first_ones)


def _scope_of(report: dict[str, Any], name: str) -> dict[str, Any]:
    """Give what a card says of the rule of what is out of scope; what it did on the test rows stands in the report."""
    rule = report.get("out_of_scope", {}).get(name)
    return {} if rule is None else {"out_of_scope": {key: rule[key] for key in SCOPE_KEYS}}


def _keep_label_sets(comparison: Comparison, entry: Entry, folder: Path, labels: tuple[str, ...]) -> None:
    """Let a bundle of one label carry what sets of labels take of its validation answers, from before a refit."""
    if comparison.task.answer.name != LABEL.name:
        return
    answers = comparison.run.answers(entry.name, "validation")
    place = {label: position for position, label in enumerate(labels)}
    truth = np.array([place.get(str(label), -1) for label in comparison.task.targets(comparison.validation)])
    known = np.flatnonzero(truth >= 0)
    if answers.probabilities is not None and len(known):
        write_label_sets(folder, answers.probabilities[known], truth[known])


def _share_equal_files(folder: Path, manifest: Manifest, first_ones: dict[str, Path]) -> None:
    """Let the large files of a sealed folder share the disk with equal ones before it, which are kept by SHA-256.

    Candidates of one base hold the same tokenizer, and where its weights stay frozen the same graph of 100 MB or more.
    """
    for name, file in manifest.files.items():
        if file.size_bytes >= SHARED_FROM_BYTES:
            share_content(first_ones.setdefault(file.sha256, folder / name), folder / name)


def _columns(rows: Rows) -> dict[str, str]:
    """Give the columns of inputs, targets and groups: what other rows are to be read by, before anything is heard."""
    kept = (*INPUT_ROLES, *TARGET_ROLES, "group")
    written = heard_beside(rows.table, rows.roles.text) or rows.roles.text
    return {role: column for role, column in rows.roles.named.items() if role in kept} | {"text": written}


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
            kind=comparison.task.kind,
        ),
        method=entry.name,
        method_params=entry.params,
        predictor=PredictorFacts(kind=settings["kind"], name=settings["name"]),
        calibration={key: settings[key] for key in CALIBRATION_KEYS if key in settings}
        | _scope_of(report, entry.name),
        base={"name": base} if base else None,
        adaptation=entry.facts.get("adaptation"),
        speech=speech_facts(comparison.train, comparison.settings),
        data=DataFacts(
            fingerprint=data["fingerprint"],
            origin=replace_surrogates(data["origin"]),
            rows=data["rows"],
            trained_on=entry.rows_seen,
            roles=_columns(comparison.train),
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
