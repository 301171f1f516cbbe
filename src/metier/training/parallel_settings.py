"""How several processes train one model: each its share of the rows, of the weights, or of every layer. Needs no torch.

A run states it as `parallel`. Launched processes find it in their environment: in a variable of our own, and what concerns
shares of weights in those of `accelerate`, which may ask for them itself (see `sharding_settings`).
"""

from collections.abc import Mapping
from typing import Literal

from metier.bases.adaptation.naming import KINDS
from metier.errors import SettingsError
from metier.training.sharding_settings import USE, asks_for_shards, check_shards

Parallel = Literal["data", "shards", "tensor"]
VARIABLE = "METIER_PARALLEL"
# What `--parallel shards` asks accelerate for, where its own settings say nothing else.
SHARDS = {USE: "true", "FSDP_VERSION": "2", "FSDP_AUTO_WRAP_POLICY": "TRANSFORMER_BASED_WRAP"}
PARALLEL = (
    "How the processes share the work on one model: `data`, each a part of the rows; `shards`, each a part of all weights "
    "too (FSDP 2); `tensor`, each a part of every layer. None: `data`, or as the settings of accelerate say."
)


def parallel_here(environment: Mapping[str, str]) -> str:
    """How the processes of this environment share the work."""
    return environment.get(VARIABLE) or ("shards" if asks_for_shards(environment) else "data")


def environment_of(parallel: Parallel | None, environment: Mapping[str, str]) -> dict[str, str]:
    """Give the environment of processes that are to share the work so."""
    if parallel is None:
        return dict(environment)
    asked = SHARDS if parallel == "shards" else {}
    return {**asked, **environment, **({USE: "true"} if asked else {}), VARIABLE: parallel}


def check_parallel(
    parallel: Parallel | None, *, processes: int, on: str | None, environment: Mapping[str, str]
) -> None:
    """Refuse what contradicts itself, or what accelerate's settings say otherwise.

    Raises
    ------
    SettingsError
        With a sentence for each fault.
    CallError
        If weights are to be shared out in a way that cannot be done.
    """
    if parallel is None:
        if processes > 1:
            check_shards(environment)
        return
    faults = []
    if on is not None:
        faults.append(
            f"parallel is {parallel}, but with --on ray one process trains each model. Leave out --parallel or --on"
        )
    elif processes == 1:
        faults.append(
            f"parallel is {parallel}, but one process trains each model. Add --processes 2 or more, or leave "
            "out --parallel"
        )
    if parallel != "shards" and asks_for_shards(environment):
        faults.append(
            f"parallel is {parallel}, but accelerate's settings ask for FSDP. Launch without --use_fsdp, or use "
            "--parallel shards"
        )
    if parallel == "tensor" and environment.get("ACCELERATE_MIXED_PRECISION") in ("fp16", "fp8"):
        faults.append(
            f"parallel is tensor, and accelerate's settings ask for {environment['ACCELERATE_MIXED_PRECISION']}, whose "
            "gradients each process would scale by itself. Use --mixed_precision bf16 or no"
        )
    if faults:
        raise SettingsError(faults, origin="The settings")
    check_shards(environment_of(parallel, environment))


def tensor_faults(adaptation: str | None, objective: str | None, optimizer: str | None) -> list[str]:
    """Say what of a method's settings cannot be trained while layers are divided, a sentence each."""
    faults = []
    kind = KINDS.get(str(adaptation).strip().lower().partition(":")[0])
    if kind is not None and not kind.divides:
        able = ", ".join(name for name, one in KINDS.items() if one.divides)
        faults.append(
            f"adaptation is {adaptation}, which works inside layers that --parallel tensor divides; use one of {able}, "
            "or --parallel data"
        )
    if "ewc" in {term.partition(":")[0].strip() for term in str(objective).split("+")}:
        faults.append(
            "objective has ewc, which compares whole weights at each step, but --parallel tensor gives each process a "
            "part of every layer; leave it out, or use --parallel data"
        )
    if optimizer == "adafactor":
        faults.append(
            "optimizer is adafactor, which sums over whole weights at each step, but --parallel tensor gives each process "
            "a part of every layer; use adamw, or --parallel data"
        )
    return faults
