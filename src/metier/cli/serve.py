"""`metier serve`: a trained model behind HTTP."""

import functools
import os
import pkgutil
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal, NoReturn, get_args

import click

from metier.bundles import Bundle, resolve_bundle
from metier.cli.commands import HELP
from metier.cli.console import count, print_json, progress_console, size
from metier.cli.dialogue_options import dialogue_options
from metier.cli.filter_options import asked_filter, filter_options
from metier.cli.guard_options import check_with, guard_options
from metier.cli.memory_options import AskedMemory, asked_memory, memory_options
from metier.cli.on_ray import on_option, part_on_ray, scaling_of, scaling_options
from metier.cli.prediction_log_options import asked_predictions, asked_reviews, prediction_log_options
from metier.cli.served import Loading, loads_of
from metier.cli.speech import lang_option, spoken
from metier.machine import usable_cores
from metier.report.words import ENGLISH, Words
from metier.serving import ServingSettings, run_server
from metier.serving.access_log import AccessForm
from metier.serving.guards.settings import GuardSettings, check_guards, is_loopback
from metier.serving.logs import show_logs
from metier.serving.models import Model, Models, Served
from metier.serving.prediction_log.kept_texts import TextPolicy
from metier.serving.traffic import Stopped
from metier.serving.workers.task import Started

# What bounds memory and waiting; `threads` and `access_log` have other defaults here.
OF_THEIR_OWN = (
    "threads",
    "workers",
    "access_log",
    "batching",
    "cache_entries",
    "traces",
    "guards",
    "predictions",
    "reviews",
)
SEVERAL = 2
LIMITS = [name for name in ServingSettings.model_fields if name not in OF_THEIR_OWN]

LOADED_REGISTRY = "metier.cli.loaded_registry:loaded_registry"


def _limits(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command a flag for each limit of the service: its default and its help stand in the settings."""
    bounds = ServingSettings.model_json_schema()["properties"]
    for name in reversed(LIMITS):
        field = ServingSettings.model_fields[name]
        of = click.IntRange(min=bounds[name]["minimum"])
        flag = "--" + name.replace("_", "-")
        add = click.option(flag, type=of, default=field.default, show_default=True, help=field.description)
        command = add(command)
    return command


@click.command(context_settings=HELP, epilog="Example: metier serve runs/demo --port 8000")
@click.argument("bundles", metavar="[NAME=]RUN_OR_BUNDLE...", nargs=-1)
@click.option(
    "--registry",
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help="Serve a registry: its champions, or what is named as NAME, NAME@ALIAS or NAME/VERSION; aliases are followed.",
)
@click.option(
    "--database",
    metavar="URL",
    envvar="METIER_REGISTRY_DATABASE",
    help="Database of the registry as SQLAlchemy writes it. Default: SQLite in its folder.",
)
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port",
    type=click.IntRange(0, 65_535),
    default=8000,
    show_default=True,
    help="Port to listen on; 0 takes a free one.",
)
@click.option(
    "--threads",
    type=click.IntRange(min=1),
    help="Requests that a process answers at the same time, one core each. Default: all cores, shared by the workers.",
)
@click.option(
    "--workers",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="Processes that answer on one port; one that dies is started anew.",
)
@click.option(
    "--cases",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Answered rows with pictures, which a search of pictures replies from at /v1/chat/completions.",
)
@dialogue_options
@filter_options
@guard_options
@_limits
@prediction_log_options
@memory_options
@click.option(
    "--access-log",
    type=click.Choice(get_args(AccessForm)),
    default="json",
    show_default=True,
    help="Form of the line on stderr for each request: JSON, the common log format of web servers, or none.",
)
@on_option("Serve on a cluster of Ray: that of RAY_ADDRESS, or worker processes here.")
@scaling_options
@click.option(
    "--batching/--no-batching",
    default=True,
    show_default=True,
    help="Answer one-row requests that wait together, where that was measured to help at the start.",
)
@click.option(
    "--cache",
    "cache_entries",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    metavar="N",
    help="Keep the answers to this many one-row requests; never of rows in which personal data is found.",
)
@click.option(
    "--traces", is_flag=True, help="Trace each request by OpenTelemetry (pip install 'metier[otel]')."
)
@lang_option("Language of what is printed here; the service itself answers in English.")
@click.option("--json", "as_json", is_flag=True, help="When ready, print one JSON object with the URL.")
def serve(  # One parameter an option, as click hands them over.
    *,
    bundles: tuple[str, ...],
    registry: Path | None,
    database: str | None,
    host: str,
    port: int,
    threads: int | None,
    workers: int,
    access_log: AccessForm,
    guards: GuardSettings,
    without_keys: bool,
    lang: str | None,
    as_json: bool,
    cases: Path | None,
    labeller: Path | None,
    writer: Path | None,
    least_similarity: float,
    text: str | None,
    roles: tuple[str, ...],
    filters: bool,
    filter_words: tuple[Path, ...],
    filter_model: Path | None,
    filter_labels: Sequence[str] | None,
    log_predictions: Path | None,
    log_database: str | None,
    log_texts: TextPolicy,
    log_days: int | None,
    memory: Path | None,
    memory_texts: Literal["masked", "plain"] | None,
    memory_days: int | None,
    review: Path | None,
    place: str | None,
    replicas: str | None,
    in_flight: int | None,
    **limits: Any,
) -> None:
    """Serve a trained model over HTTP.

    POST /v1/predict answers one text or several; with "stream": true a generative model streams its text as
    server-sent events. Several bundles are served by name (NAME=BUNDLE), and of a registry the versions that its aliases
    point to; requests name one in "model". With --cases a search of pictures replies to conversations at POST
    /v1/chat/completions.
    With --memory a model that writes goes on with the "conversation" that a request names: what was said before is kept in
    the file and read again within the model's context.
    /docs lets you try it in a browser; /healthz, /readyz and /metrics are for monitoring. The log
    names each request by its X-Request-ID and holds nothing of what was asked. SIGTERM or Ctrl-C stops the service once
    the running requests are answered; new ones get 503 meanwhile.

    --on ray serves replicas with Ray Serve, as many as the requests in flight ask for; /metrics is of one of them.
    """
    check_guards(guards, host, without_keys=without_keys)
    check_with(guards, log_texts=log_texts, cases=cases)
    judge = asked_filter(filters, filter_words, filter_model, filter_labels)
    remembered = _memory_of(cases, limits, memory, memory_texts, memory_days)
    load = _loads(bundles, registry, database, Loading(judge, guards.mask, guards.trusted_keys, remembered))
    kept = asked_predictions(log_predictions, log_database, log_texts, log_days)
    settings = ServingSettings.model_validate(
        {
            "threads": threads or max(1, usable_cores() // workers),
            "workers": workers,
            "access_log": access_log,
            "guards": guards,
            "predictions": kept,
            "reviews": asked_reviews(review, kept),
            **limits,
        }
    )
    show_logs(access_log)
    of_one = (cases, registry, log_predictions, memory, guards.audit, guards.with_tls)
    scaling = scaling_of(place, replicas, in_flight, is_plain=not any(of_one) and workers == 1)
    if scaling is not None:
        part_on_ray("metier.cli.served_on_ray:serve_on_ray")(load, settings, scaling, host=host, port=port)
        return
    of_dialogue = {"labeller": labeller, "writer": writer, "text": text, "role": roles or None}
    if cases is None:
        _check_idle(of_dialogue)
    else:
        searched = _check_one_search(load, bundles, registry, remembered)
        # Found late: reading rows takes packages that no other service waits for.
        load = functools.partial(
            pkgutil.resolve_name("metier.cli.loaded_dialogue:loaded_dialogue"),
            searched,
            cases,
            labeller=labeller,
            writer=writer,
            least_similarity=least_similarity,
            text=text,
            roles=roles,
            judge=judge,
        )
    stopped = run_server(
        load,
        host=host,
        port=port,
        settings=settings,
        when_ready=functools.partial(_say_ready, host=host, guards=guards, as_json=as_json, say=spoken()),
        describe=served_facts,
    )
    _end(stopped)


def _check_idle(of_dialogue: Mapping[str, Any]) -> None:
    """Refuse options of a search of pictures where none is served."""
    idle = [f"--{name}" for name, value in of_dialogue.items() if value is not None]
    if idle:
        raise click.UsageError(
            f"{', '.join(idle)} would do nothing without --cases. Leave that out, or give --cases."
        )


def _check_one_search(load: Any, bundles: tuple[str, ...], registry: Path | None, memory: Any) -> Path:
    """Give the one bundle that searches pictures; refuse what goes with models that write or with several."""
    if memory is not None:
        raise click.UsageError("--memory is for models that write, and --cases for a search. Leave one out.")
    if registry is not None or isinstance(load, Mapping):
        raise click.UsageError("--cases is of one search of pictures. Serve that alone, without a name.")
    return resolve_bundle(bundles[0])


def _memory_of(
    cases: Path | None, limits: Mapping[str, Any], memory: Path | None, *how: Any
) -> AskedMemory | None:
    """Give the memory that is asked for; raises `click.UsageError` beside what it does not go with."""
    if memory is not None and cases is not None:
        raise click.UsageError("--memory is for models that write, and --cases for a search. Leave one out.")
    if memory is not None and limits["cache_entries"]:
        raise click.UsageError(
            "--cache would give old replies to a conversation that has gone on. Leave it out."
        )
    return asked_memory(memory, *how)


def _loads(bundles: tuple[str, ...], registry: Path | None, database: str | None, how: Loading) -> Served:
    """Give what loads the models that were named."""
    if registry is not None:
        # Found late: the database of a registry takes a package that no other service waits for.
        found: Served = pkgutil.resolve_name(LOADED_REGISTRY)(registry, bundles, how, url=database)
        return found
    if not bundles:
        raise click.UsageError("Nothing to serve. Give a run or a bundle, or a registry: --registry FOLDER")
    return loads_of(bundles, how)


def _end(stopped: Stopped) -> None:
    """Say how it ended, and end the process."""
    progress_console().print(_stop_line(stopped), markup=False, soft_wrap=True)
    if stopped.is_busy:
        _leave()


def _leave() -> NoReturn:
    """End at once: a model that still loads or answers, for nobody, must not hold the process, nor survive its end."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


def _stop_line(stopped: Stopped) -> str:
    say = spoken()
    refused = [say("{requests} that came later got 503.", requests=_requests(stopped.n_refused))]
    rest = refused if stopped.n_refused else []
    if not stopped.n_dropped:
        return say.joined([say("Stopped; all running requests were answered."), *rest])
    dropped = say(
        "Stopped; {requests} got 503 instead of an answer, because the time to stop was over.",
        requests=_requests(stopped.n_dropped),
    )
    answered = say("{requests} got an answer.", requests=_requests(stopped.n_finished))
    return say.joined([dropped, answered, *rest])


def _requests(number: int) -> str:
    return spoken()("{n} request", n=1) if number == 1 else spoken()("{n} requests", n=count(number))


def served_facts(models: Models) -> list[dict[str, Any]]:
    """Give what is said of each model: its name and version where it has them, its method, its number of labels."""
    return [_facts(model) for model in models.each]


def _facts(model: Model) -> dict[str, Any]:
    loaded = model.engine.check_ready()
    assert isinstance(loaded, Bundle)  # What `load` gave.
    return {**model.facts, "serving": loaded.name, "labels": len(loaded.labels)}


def _say_ready(
    started: Started, url: str, *, host: str, guards: GuardSettings, as_json: bool, say: Words = ENGLISH
) -> None:
    told = started.description
    is_named = "model" in told[0]
    if as_json:
        print_json({"url": url, **_worker_facts(started)} | ({"models": told} if is_named else told[0]))
        return
    lines = [
        *_served_lines(told, url, say, with_key=guards.keys is not None),
        *_worker_lines(started, say),
        say("in a browser: {url}", url=f"{url}/docs"),
    ]
    if guards.keys is None and not is_loopback(host):
        lines.append(
            say(
                "! anyone who can reach this machine can use the service, without a password (--host 127.0.0.1: this "
                "machine only)"
            )
        )
    for line in lines:
        progress_console().print(line, markup=False, soft_wrap=True)


def _worker_facts(started: Started) -> dict[str, Any]:
    if len(started.memory) < SEVERAL:
        return {}
    of_each = [asdict(memory) for memory in started.memory]
    return {"workers": of_each}


def _worker_lines(started: Started, say: Words) -> list[str]:
    """Give the memory of the workers, where there are several."""
    if len(started.memory) < SEVERAL:
        return []
    own = max(memory.private_bytes for memory in started.memory)
    resident = max(memory.resident_bytes for memory in started.memory)
    return [
        say(
            "{n} workers: {resident} resident each, of which {own} its own (so much a further one takes)",
            n=len(started.memory),
            resident=size(resident),
            own=size(own),
        )
    ]


def _served_lines(told: Sequence[Mapping[str, Any]], url: str, say: Words, *, with_key: bool) -> list[str]:
    """Give what is served, and how to ask."""
    first = told[0]
    if "model" not in first:
        asked = '{"text": "..."}'
        name, labels = first["serving"], count(first["labels"])
        head = [
            say("serving {name} ({labels} labels) on {url}; Ctrl-C stops", name=name, labels=labels, url=url)
        ]
    else:
        asked = f'{{"model": "{first["model"]}", "text": "..."}}'
        n = count(len(told))
        head = [say("serving {n} model(s|) on {url}; Ctrl-C stops", n=n, url=url)]
        head += [_model_line(one, say) for one in told]
    key = " -H 'Authorization: Bearer KEY'" if with_key else ""
    return [*head, say("try: {command}", command=f"curl -s {url}/v1/predict{key} -d '{asked}'")]


def _model_line(told: Mapping[str, Any], say: Words) -> str:
    version = f"/{told['version']}" if "version" in told else ""
    facts = {"model": told["model"] + version, "name": told["serving"], "labels": count(told["labels"])}
    return say("  {model}: {name} ({labels} labels)", **facts)
