"""`metier serve`: a trained model behind HTTP."""

import functools
import ipaddress
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import click

from metier.bundles import Bundle, load_bundle, resolve_bundle
from metier.cli.commands import HELP
from metier.cli.console import count, print_json, progress_console
from metier.machine import usable_cores
from metier.serving import ServingSettings, run_server
from metier.serving.access_log import AccessForm, show_access_log
from metier.serving.engine import Answering


def _limit(flag: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Give the flag of one of the service's limits: its default and its help stand in the settings."""
    field = ServingSettings.model_fields[flag.removeprefix("--").replace("-", "_")]
    least = click.IntRange(min=1)
    return click.option(flag, type=least, default=field.default, show_default=True, help=field.description)


@click.command(context_settings=HELP, epilog="Example: metier serve runs/demo --port 8000")
@click.argument("bundle", metavar="RUN_OR_BUNDLE", type=click.Path(path_type=Path))
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
    help="Requests answered at the same time, one core each. Default: all cores.",
)
@_limit("--max-rows")
@_limit("--max-characters")
@click.option(
    "--access-log",
    type=click.Choice(get_args(AccessForm)),
    default="json",
    show_default=True,
    help="Form of the line on stderr for each request: JSON, the common log format of web servers, or none.",
)
@click.option("--json", "as_json", is_flag=True, help="When ready, print one JSON object with the URL.")
def serve(  # One parameter an option, as click hands them over.
    *,
    bundle: Path,
    host: str,
    port: int,
    threads: int | None,
    max_rows: int,
    max_characters: int,
    access_log: AccessForm,
    as_json: bool,
) -> None:
    """Serve a trained model over HTTP.

    POST /v1/predict answers one text or several; with "stream": true a generative model streams its text as
    server-sent events. /docs lets you try it in a browser; /healthz, /readyz and /metrics are for monitoring. The log
    names each request by its X-Request-ID and holds nothing of what was asked. SIGTERM or Ctrl-C stops the service once
    the running requests are answered.
    """
    folder = resolve_bundle(bundle)
    settings = ServingSettings(
        threads=threads or usable_cores(),
        max_rows=max_rows,
        max_characters=max_characters,
        access_log=access_log,
    )
    show_access_log()
    # One thread a request: a pool of threads inside each answer would only take cores from the other requests.
    load = functools.partial(load_bundle, folder, threads=1)
    run_server(
        load,
        host=host,
        port=port,
        settings=settings,
        when_ready=functools.partial(_say_ready, host=host, as_json=as_json),
    )
    progress_console().print("Stopped; all running requests were answered.")


def _say_ready(model: Answering, url: str, *, host: str, as_json: bool) -> None:
    assert isinstance(model, Bundle)  # What `load` gave.
    name, labels = model.name, len(model.labels)
    if as_json:
        print_json({"url": url, "serving": name, "labels": labels})
        return
    console = progress_console()
    console.print(
        f"serving {name} ({count(labels)} labels) on {url}; Ctrl-C stops", markup=False, soft_wrap=True
    )
    console.print(f"""try: curl -s {url}/v1/predict -d '{{"text": "..."}}'""", markup=False, soft_wrap=True)
    console.print(f"in a browser: {url}/docs", markup=False, soft_wrap=True)
    if not _is_loopback(host):
        console.print(
            "! anyone who can reach this machine can use the service, without a password (--host "
            "127.0.0.1: this machine only)",
            markup=False,
            soft_wrap=True,
        )


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
