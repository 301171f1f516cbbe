"""What `accelerate` was asked for about FSDP, and what of it the training loop can do. Needs no torch.

`accelerate launch` writes its flags and its settings file into the environment (`ACCELERATE_USE_FSDP`, `FSDP_...`); who
sets them by hand asks for the same.
"""

from collections.abc import Mapping

from metier.errors import CallError

USE = "ACCELERATE_USE_FSDP"
LOADING = "FSDP_CPU_RAM_EFFICIENT_LOADING"
# What compares whole weights outside of a pass, where each process has a part of them.
WHOLE_WEIGHTS = {
    "adaptation": ("adalora", "take 'lora:8'"),
    "objective": ("ewc", "leave it out"),
    "optimizer": (
        "adafactor",
        "take 'adamw'",
    ),  # torch's sums over weights that are shared out cannot be squared in place.
}


def asks_for_shards(environment: Mapping[str, str]) -> bool:
    """Whether the environment asks for weights that are shared out among processes."""
    return _is_on(environment, USE)


def check_shards(environment: Mapping[str, str]) -> None:
    """Refuse what FSDP is asked for and the loop cannot do; raises `CallError` with a sentence for each fault."""
    if not asks_for_shards(environment):
        return
    faults = []
    version = environment.get("FSDP_VERSION", "1")
    if version != "2":
        faults.append(f"its version is {version}, but metier supports version 2. Add --fsdp_version 2")
    if _is_on(environment, "FSDP_OFFLOAD_PARAMS"):
        faults.append("offloading weights to CPU memory is not supported. Add --fsdp_offload_params false")
    if _is_on(environment, "FSDP_ACTIVATION_CHECKPOINTING"):
        faults.append(
            "activation checkpointing by accelerate is not supported. Add --fsdp_activation_checkpointing "
            "false, and use that of metier: --set methods.encoder.gradient_checkpointing=true"
        )
    if environment.get("FSDP_IGNORED_MODULES"):
        faults.append("ignored modules are not supported. Remove fsdp_ignored_modules")
    if environment.get("ACCELERATE_MIXED_PRECISION") in ("fp16", "fp8"):
        faults.append(
            f"it is to train in {environment['ACCELERATE_MIXED_PRECISION']}, whose gradients each process "
            "would scale by itself. Use --mixed_precision bf16 or no"
        )
    if faults:
        raise CallError("FSDP is on in accelerate's settings, and " + "; ".join(faults) + ".")


def shard_faults(adaptation: str | None, objective: str | None, optimizer: str | None) -> list[str]:
    """Say what of a method's settings cannot be trained while weights are shared out, a sentence each."""
    given = {
        "adaptation": {str(adaptation).partition(":")[0]},
        "objective": {term.partition(":")[0].strip() for term in str(objective).split("+")},
        "optimizer": {str(optimizer)},
    }
    return [
        f"FSDP gives each process only a part of the weights, and {name} in {setting} needs whole ones at each step; "
        f"{instead}, or train without --use_fsdp and --parallel shards"
        for setting, (name, instead) in WHOLE_WEIGHTS.items()
        if name in given[setting]
    ]


def _is_on(environment: Mapping[str, str], key: str) -> bool:
    return environment.get(key, "").lower() in ("true", "1", "yes")
