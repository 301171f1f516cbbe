"""Learn from preferences: the story of `metier update --preferences`, for bundles that write."""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from metier import catalogue
from metier.bases.base import ADAPTATION
from metier.bundles import Bundle, ManifestFacts, load_bundle, seal, write_card, write_whole
from metier.bundles.manifest import MANIFEST_FILE, Latency, MeasuredFacts, PredictorFacts
from metier.continual.update.preferences import judging
from metier.continual.update.preferences.parts import DEFAULTS, Parts, PreferenceOptions, read_parts
from metier.continual.update.preferences.rewards import Reward, reward_names, reward_of
from metier.continual.update.state import FORMAT
from metier.data.output_files import make_folder
from metier.errors import CallError
from metier.file_locks import held
from metier.machine import describe_machine
from metier.predictors.loading import read_settings
from metier.progress import Listener, Progress, ignore
from metier.selection.execution.measuring import measure_cost
from metier.storage import parts_of
from metier.tasks.answers import WRITTEN_TEXT

WRITER = "huggingface"  # The folder of a bundle that can be tuned on.


@dataclass(frozen=True)
class PreferenceResult:
    """What came of it.

    Parameters
    ----------
    folder, source : Path
        The new bundle, and the one that was tuned.
    facts : dict
        For JSON: what was learned, figures with intervals, the verdict, the cost, notes.
    """

    folder: Path
    source: Path
    facts: dict[str, Any]


def prefer(
    bundle: Bundle | str | Path,
    preferences: Any,
    *,
    test: Any = None,
    output: str | Path | None = None,
    overwrite: bool = False,
    options: PreferenceOptions = DEFAULTS,
    listener: Listener = ignore,
    **how: Any,
) -> PreferenceResult:
    """Let a bundle that writes learn what is preferred, and write the bundle that it becomes; the old one is not touched.

    Parameters
    ----------
    bundle : Bundle or path
        A writer, or a run whose recommended candidate is one; with `options.base`, any bundle that writes texts.
    preferences : path, URL or list of mappings
        See `preference_rows`. A fifth of the prompts is held out and judges.
    test : path or rows, optional
        Rows with their targets that the bundle has not learned; None: those of its run, else the held-out prompts.
    output : path, optional
        None: beside the bundle or its run, `-preferred` behind the name.
    **how
        How the files are read, as in `metier.read`.

    Raises
    ------
    CallError
        If the bundle is no writer, or the output is taken.
    DataError
        If the preferences cannot be learned or judged.
    """
    model = bundle if isinstance(bundle, Bundle) else load_bundle(bundle)
    given = model.folder if isinstance(bundle, Bundle) else Path(bundle)
    place = given.with_name(f"{given.resolve().name}-preferred") if output is None else Path(output)
    _check_place(place, (model.folder, given), overwrite=overwrite)
    _check_writer(model, options)
    reward = reward_of(options.reward) if options.by == "reinforce" else None
    way = catalogue.resolve_way("preference_tuner")
    chosen = {**options.settings, "by": options.by, "random_state": options.random_state}
    settings = way.settings_of(chosen)
    parts = read_parts(model, preferences, test, options, listener, how)
    if options.base is None:
        tuner = way.of_bundle(model.folder, read_settings(model.folder), settings)
    else:
        tuner = way.of_base(options.base, _task_facts(model), parts.learned, settings)
    origin = str(preferences) if isinstance(preferences, str | Path) else "the rows"
    tuner.prepare(parts.learned, parts.held, origin=origin)
    said: dict[str, Any] = {"format": FORMAT, "source": model.name, "base": options.base, "method": options.by}
    said |= {"settings": dict(options.settings), "notes": list(parts.notes)}
    work = parts_of(place)
    make_folder(work)
    try:
        with held(work / "lock", what=place):
            facts = said | _learn(tuner, parts, reward, _metric(model), listener)
            _write(model, tuner, place, work / "files", parts, facts)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return PreferenceResult(place, model.folder, facts | {"output": str(place)})


def _check_place(place: Path, sources: Sequence[Path], *, overwrite: bool) -> None:
    if place.resolve() in [source.resolve() for source in sources]:
        raise CallError(f"--output would replace {place}, what is updated. Name another folder.")
    if place.exists() and not (overwrite and (place / MANIFEST_FILE).is_file()):
        raise CallError(
            f"There is something else at {place} already. Name another folder with --output; a bundle is replaced with "
            "--overwrite."
        )


def _check_writer(model: Bundle, options: PreferenceOptions) -> None:
    if model.answer_kind.name != WRITTEN_TEXT.name:
        raise CallError(
            f"{model.folder} gives {model.answer_kind.name}, and preferences are learned by what writes texts. Give a run "
            "of summaries, translations or replies."
        )
    if options.base is None and not (model.folder / WRITER).is_dir():
        raise CallError(
            f"{model.folder} ({model.name}) has no language model that could be tuned. Give the bundle of generator.v1, or "
            "start from a base with --base."
        )
    if options.base is None and (model.folder / WRITER / ADAPTATION).is_file():
        raise CallError(
            f"{model.folder} was tuned by parts beside the weights of its base, and preferences are learned by low-rank "
            "matrices that are merged into them. Train the writer with --adaptation lora, or start from a base with --base."
        )


def _task_facts(model: Bundle) -> dict[str, Any]:
    """Give the kind of text and its language, as `predictor.json` of a writer says them; else by the task's metric."""
    settings = read_settings(model.folder)
    kinds = {"chrf": "translation"}
    known = settings.get("task") or {}
    kind = known.get("kind") or kinds.get(model.task.primary_metric) or "summary"
    if model.input_keys == ("messages",):
        kind = "reply"
    return {
        "kind": kind,
        "why": "as it was trained",
        "language": known.get("language") or model.manifest.data.language or "en",
    }


def _learn(tuner: Any, parts: Parts, reward: Reward | None, metric: str, listener: Listener) -> dict[str, Any]:
    """Let the writer answer, learn, and answer again; give the facts of it."""
    listener(Progress("answering before", 0, 2))
    judged = tuner.held.take(tuner.held.first_of_prompts)
    before, rewarded = tuner.answers(parts.asked), tuner.answers(judged.items) if reward else []
    how = tuner.learn(rewards=None if reward is None else _rewards(tuner, reward), listener=listener)
    listener(Progress("answering after", 1, 2))
    after = tuner.answers(parts.asked)
    facts: dict[str, Any] = {
        "rows": {
            "learned": len(tuner.learned),
            "prompts": tuner.learned.n_prompts,
            "held_out": len(tuner.held),
            **tuner.counts,
        },
        "preferred": judging.preferred(tuner.held, tuner.before, tuner.after),
        "quality": {"of": parts.asked_of, **judging.quality(metric, parts.truth, before, after)},
        "length": judging.lengths(before, after),
        "cost": how,
    }
    if reward is not None:
        now = tuner.answers(judged.items)
        was, is_now = (
            np.array([reward(true, answer) for true, answer in zip(judged.answers, one, strict=True)])
            for one in (rewarded, now)
        )
        facts["reward"] = judging.mean_change(was, is_now)
    return facts | {"verdict": judging.verdict(facts)}


def _metric(model: Bundle) -> str:
    """Give the metric that its answers are ranked by; ROUGE-L where it states one of other answers."""
    stated = model.task.primary_metric
    return stated if stated in reward_names() else "rouge_l"


def _rewards(tuner: Any, reward: Reward) -> Any:
    references = tuner.prompts.answers

    def rewards(places: Sequence[int], sampled: Sequence[Sequence[str]]) -> np.ndarray:
        return np.array(
            [
                [reward(references[place], answer) for answer in answers]
                for place, answers in zip(places, sampled, strict=True)
            ]
        )

    return rewards


def _write(model: Bundle, tuner: Any, place: Path, files: Path, parts: Parts, facts: dict[str, Any]) -> None:
    """Write and seal the new bundle, whole or not at all."""
    files.mkdir(parents=True)
    facts["export"] = tuner.export(files)
    before, settings = model.manifest, read_settings(files)
    quality = facts["quality"]
    with write_whole(place) as partial:
        shutil.copytree(files, partial, dirs_exist_ok=True)
        cost, machine = measure_cost(partial, parts.asked), describe_machine()
        name = settings["name"]
        made = ManifestFacts.model_validate(
            {
                **before.model_dump(include=set(ManifestFacts.model_fields)),
                "name": name,
                "method": name,
                "predictor": PredictorFacts(kind=settings["kind"], name=name),
                "data": before.data.model_copy(update={"trained_on": "train + preferences"}),
                "measured": MeasuredFacts(
                    latency_ms=Latency(**cost["latency_ms"]),
                    rows_per_second=cost["rows_per_second"],
                    size_bytes=cost["size_bytes"],
                    cpu=machine.cpu,
                    instruction_sets=tuple(machine.instruction_sets),
                ),
                "metrics": {"test": {quality["metric"]: quality["after"]}}
                if quality["of"] == "test rows"
                else {},
                "compression": None,
                "update": facts,
            }
        )
        write_card(partial, made)
        seal(partial, made)
