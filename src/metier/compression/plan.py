"""Which chains of techniques are tried for a bundle, the cheapest first."""

from pathlib import Path

from metier.bases.known_bases import read_json
from metier.compression.inside import fits_inside
from metier.compression.part_files import has_weights
from metier.compression.techniques import Chain, technique_of
from metier.errors import CompressionError
from metier.predictors.loading import SETTINGS_FILE, read_settings

MOST_POINTS = 8
LATENCY, SIZE = "latency_ms", "size_mb"


def planned(folder: Path, target: str | None) -> list[Chain]:
    """Give the chains to try on the files of a bundle.

    Parameters
    ----------
    target : {"latency_ms", "size_mb"} or None

    Raises
    ------
    CompressionError
        If no technique fits anything of it.
    """
    settings = read_settings(folder)
    tail = tuple(name for name in ("vocabulary", "int8") if _fits(name, folder))
    linear: Chain = ("sparse",) if _fits("sparse", folder) else ()
    behind: Chain = ("cascade",) if technique_of("cascade").fits(settings) else ()
    # What a cascade asks rarely costs it little: where speed is wanted, encoders are trained to stand behind one.
    last = behind if target == LATENCY else ()
    trained = [
        chain if chain == ("static",) else (*linear, *chain, "vocabulary", "int8", *last)
        for chain in _trained(folder)
    ]
    cascades = [(*tail, *behind), (*tail, *behind, "sparse")] if behind else []
    parts = [_untrained(folder, tail, linear), cascades, trained]
    if target == SIZE:
        parts = [parts[0], trained, cascades]
    found = list(dict.fromkeys(chain for part in parts for chain in part if chain))
    if not found:
        raise CompressionError(_nothing_fits(settings["kind"]))
    return found[:MOST_POINTS]


def _untrained(folder: Path, tail: Chain, linear: Chain) -> list[Chain]:
    """Give the chains that only rewrite files."""
    chains: list[Chain] = [linear, ("int8",) if "int8" in tail else (), (*linear, *tail)]
    if _fits("int8_static", folder):
        chains.append((*(name for name in tail if name != "int8"), "int8_static"))
    return chains


def _fits(name: str, folder: Path) -> bool:
    return fits_inside(technique_of(name), folder)


def _trained(folder: Path) -> list[Chain]:
    """Give the chains whose encoder is trained again, where its weights are there."""
    depth = depth_of(folder)
    if depth is None or not _fits("layers:1", folder):
        return []
    depths = sorted({max(1, round(depth * share)) for share in (2 / 3, 1 / 2)} - {depth}, reverse=True)
    chains: list[Chain] = [(f"layers:{depths[0]}",)] if depths else []
    chains += [(f"distil:{depths[-1]}",)] if depths else []
    chains += [("width:0.5",)] if _fits("width:0.5", folder) else []
    return [*chains, ("static",)] if _fits("static", folder) else chains


def depth_of(folder: Path) -> int | None:
    """Give the layers of the first encoder in a folder whose weights are there."""
    for settings in sorted(folder.rglob(SETTINGS_FILE)):
        if has_weights(settings.parent):
            found = read_json(settings.parent / "huggingface" / "config.json").get("num_hidden_layers")
            return None if found is None else int(found)
    return None


def _nothing_fits(kind: str) -> str:
    return (
        f"The bundle answers by a predictor of kind {kind}, which holds neither an encoder that reads tokens nor a linear "
        "model, so nothing of it can be made smaller here. Compress a bundle of another method; metier methods lists them."
    )
