"""`metier pack`: a bundle as an image, a composition, a Kubernetes workload and a system service."""

from pathlib import Path
from typing import Any

import click
from rich.text import Text

from metier.bundles import resolve_bundle
from metier.cli.commands import HELP
from metier.cli.console import print_json, progress_console
from metier.cli.speech import lang_option, spoken
from metier.packing import PackSettings, check_target, measured_memory, name_of, write_pack
from metier.packing.settings import MEBIBYTE


@click.command(context_settings=HELP, epilog="Example: metier pack runs/demo --out deploy --name banking")
@click.argument("bundle", metavar="RUN_OR_BUNDLE", type=click.Path(path_type=Path))
@click.option(
    "--out",
    "--output",
    "folder",
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    required=True,
    help="Folder to write.",
)
@click.option("--name", metavar="NAME", help="Name of the service. Default: that of the run or bundle.")
@click.option("--image", metavar="NAME:TAG", help="Name of the image. Default: the service's, with the tag 1.")
@click.option(
    "--threads",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="Cores of a replica: requests answered at the same time.",
)
@click.option(
    "--memory",
    "memory_mib",
    type=click.IntRange(min=1),
    metavar="MIB",
    help="Memory of the service. Default: the service is started once, and measured.",
)
@click.option("--overwrite", is_flag=True, help="Replace the folder of --out where it holds a pack.")
@lang_option()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object with every file.")
def pack(
    *,
    bundle: Path,
    folder: Path,
    name: str | None,
    image: str | None,
    threads: int,
    memory_mib: int | None,
    overwrite: bool,
    lang: str | None,
    as_json: bool,
) -> None:
    """Write what deploys a bundle: image, Kubernetes, systemd.

    Written are a Dockerfile (not root, no torch, pinned packages), a composition with Prometheus and Grafana, manifests
    for Kubernetes and KServe, a unit of systemd, and an image as SageMaker asks for it. Nothing is built: that needs
    a base image and packages from a registry.

    The service is started once on a free port of this machine; its memory then decides what a replica is given.
    """
    check_target(folder, overwrite=overwrite)
    source, called = resolve_bundle(bundle), name or name_of(bundle)
    memory = measured_memory(source) if memory_mib is None else memory_mib * MEBIBYTE
    settings = PackSettings(name=called, image=image or f"{called}:1", memory_bytes=memory, threads=threads)
    facts = write_pack(source, folder, settings, overwrite=overwrite)
    if as_json:
        print_json({"folder": str(folder), **facts})
        return
    _print_facts(folder, settings, facts, is_measured=memory_mib is None)


def _print_facts(folder: Path, settings: PackSettings, facts: dict[str, Any], *, is_measured: bool) -> None:
    say, console = spoken(), progress_console()
    held = {"memory": settings.memory_bytes // MEBIBYTE, "kept": settings.memory_request}
    held["most"] = settings.memory_limit
    lines = [say("wrote {folder}: {n} file(s|)", folder=folder, n=len(facts["files"]) + 1)]
    lines.append(
        say("memory {memory} MiB, measured; a replica is given {kept} MiB, and {most} MiB at most", **held)
        if is_measured
        else say("memory {memory} MiB, as given; a replica is given {kept} MiB, and {most} MiB at most", **held)
    )
    lines.append(say("not built: an image needs a base image and packages from a registry"))
    lines.append(say("next: {command}", command=f"docker build --tag {settings.image} {folder}"))
    for line in lines:
        console.print(Text(line), soft_wrap=True)
