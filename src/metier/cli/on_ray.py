"""`--on ray`: where a command finds its part that needs Ray, and a session of it."""

import os
import pkgutil
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import click

from metier.errors import CallError, MissingExtraError
from metier.machine import usable_cores

# Ray counts its users unless it is told not to. A busy machine starts the proxy of Serve late, and is not broken.
QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_DEDUP_LOGS": "1",
    "RAY_SERVE_PROXY_READY_CHECK_TIMEOUT_S": "60",
    "RAY_SERVE_PROXY_HEALTH_CHECK_TIMEOUT_S": "60",
}


REPLICAS = re.compile(r"(\d{1,4})(?:-(\d{1,4}))?")


def on_option(what: str) -> Callable[[Any], Any]:
    """Give the flag that says where a command works."""
    return click.option("--on", "place", type=click.Choice(["ray"]), help=what)


@dataclass(frozen=True)
class Scaling:
    """How many replicas serve.

    Parameters
    ----------
    least, most : int
    in_flight : int
        Requests in flight of a replica above which another is started.
    """

    least: int = 1
    most: int = 1
    in_flight: int = 4


def scaling_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the flags of `scaling_of`."""
    for add in (
        click.option(
            "--in-flight",
            type=click.IntRange(min=1),
            help="Requests in flight of a replica above which another is started with --on ray. Default: 4.",
        ),
        click.option(
            "--replicas",
            metavar="LEAST-MOST",
            help="Least and most replicas with --on ray, as 1-4. Default: 1, up to all cores here.",
        ),
    ):
        command = add(command)
    return command


def scaling_of(
    place: str | None, replicas: str | None, in_flight: int | None, *, is_plain: bool = True
) -> Scaling | None:
    """Give what the flags say; None: nothing is served on Ray.

    Parameters
    ----------
    is_plain : bool
        Whether the service is one that replicas can be of: with no TLS, log or registry of its own.

    Raises
    ------
    CallError
        If `replicas` is not two numbers, if the service is not plain, or if a flag would do nothing.
    """
    check_only_on_ray(place, replicas=replicas, in_flight=in_flight)
    if place is None:
        return None
    if not is_plain:
        raise CallError(
            "--cases, --registry, --log-predictions, --audit, --tls-cert and --workers are of one machine. Leave them "
            "out, or --on ray."
        )
    found = REPLICAS.fullmatch(replicas or f"1-{usable_cores()}")
    least, most = (int(found[1]), int(found[2] or found[1])) if found else (0, 0)
    if not 1 <= least <= most:
        raise CallError(f"--replicas takes the least and the most, as 1-4; found {replicas!r}.")
    return Scaling(least, most, in_flight or 4)


def part_on_ray(path: str) -> Callable[..., Any]:
    """Give a function of a module that imports Ray; the environment is told first that nobody is to be counted.

    Raises
    ------
    MissingExtraError
        If Ray is not installed.
    """
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)
    try:
        found: Callable[..., Any] = pkgutil.resolve_name(path)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] != "ray":
            raise
        raise MissingExtraError("--on ray", extra="ray") from None
    return found


def check_only_on_ray(place: str | None, **options: Any) -> None:
    """Refuse options that do nothing without `--on ray`; None: not given.

    Raises
    ------
    CallError
        If one is given all the same.
    """
    idle = [f"--{name.replace('_', '-')}" for name, value in options.items() if value is not None]
    if place is None and idle:
        raise CallError(
            f"{', '.join(idle)} would do nothing without --on ray. Leave that out, or add --on ray."
        )
