"""Seals every candidate of a finished run: manifest, hashes, model card."""

from typing import Any

from metier.bundles import ManifestFacts, seal, write_card
from metier.bundles.manifest import DataFacts, Latency, MeasuredFacts, PredictorFacts, TaskFacts
from metier.predictors.loading import read_settings
from metier.runs.run_folder import Entry
from metier.selection.comparison import Race
from metier.selection.settings import arguments_of

# What the predictor's own settings say of calibration; the rest of them is vocabulary and file names.
CALIBRATION_KEYS = ("temperature", "temperatures", "weights", "threshold", "certificate")


def seal_candidates(race: Race, report: dict[str, Any]) -> None:
    """Write the card of each trained candidate and seal its folder."""
    figures = {one["name"]: one for one in report["candidates"]}
    for entry in race.trained:
        folder = race.run.candidate(entry.name)
        facts = _facts(race, entry, figures[entry.name], report)
        write_card(folder, facts)
        seal(folder, facts)


def _facts(race: Race, entry: Entry, figures: dict[str, Any], report: dict[str, Any]) -> ManifestFacts:
    settings = read_settings(race.run.candidate(entry.name))
    base = entry.params.get("base") or arguments_of(race.settings, entry.name).get("base")
    data, machine = report["data"], report["machine"]
    return ManifestFacts(
        name=entry.name,
        task=TaskFacts(
            name=report["task"],
            labels=tuple(settings.get("labels", ())),
            primary_metric=report["primary_metric"],
            input_keys=race.task.input_keys,
        ),
        method=entry.name,
        method_params=entry.params,
        predictor=PredictorFacts(kind=settings["kind"], name=settings["name"]),
        calibration={key: settings[key] for key in CALIBRATION_KEYS if key in settings},
        base={"name": base} if base else None,
        adaptation=entry.facts.get("adaptation"),
        data=DataFacts(
            fingerprint=data["fingerprint"],
            origin=data["origin"],
            rows=data["rows"],
            trained_on=entry.trained_on,
            language=data["language"],
        ),
        seeds={"random_state": race.settings.random_state},
        packages=report["versions"],
        measured=MeasuredFacts(
            latency_ms=Latency(**entry.cost["latency_ms"]),
            rows_per_second=entry.cost["rows_per_second"],
            size_bytes=entry.cost["size_bytes"],
            cpu=machine["cpu"],
            instruction_sets=tuple(machine["instruction_sets"]),
        ),
        metrics={split: figures[split] for split in ("validation", "test")},
    )
