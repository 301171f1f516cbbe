"""Recovery: an encoder that lost some of its weights is trained again for its task, for a few epochs."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from metier import catalogue
from metier.bases.known_bases import resolve_base
from metier.compression.materials import Materials
from metier.errors import CompressionError
from metier.predictors.loading import read_settings

# The method that trains an encoder of each kind of predictor whole.
TRAINED_BY = {
    "onnx_encoder.v1": "encoder.v1",
    "onnx_pair_encoder.v1": "cross_encoder.v1",
    "onnx_bi_encoder.v1": "bi_encoder.v1",
    "onnx_relation.v1": "relation_encoder.v1",
    "onnx_many_labels.v1": "many_labels_encoder.v1",
    "onnx_grader.v1": "corn_encoder.v1",
    "onnx_scorer.v1": "score_encoder.v1",
    "onnx_tagger.v1": "token_encoder.v1",
    "onnx_reader.v1": "reader.v1",
}


NOT_OF_A_REFIT = ("base", "precision")


def can_recover(settings: Any) -> bool:
    """Whether a method trains encoders of this kind of predictor whole."""
    return settings.get("kind") in TRAINED_BY


def estimator_of(part: Path, base: Path, materials: Materials, **params: Any) -> Any:
    """Give an unfitted method that trains a base for the task of a predictor."""
    method = catalogue.resolve(TRAINED_BY[read_settings(part)["kind"]])()
    known = method.get_params()
    given = {
        "random_state": materials.random_state,
        "precision": "fp32",
        "order": list(materials.labels),
        **params,
    }
    found = replace(resolve_base(str(base)), name=f"{read_settings(part)['name']}, smaller")
    return method.set_params(base=found, **{name: value for name, value in given.items() if name in known})


def recover(
    part: Path,
    base: Path,
    folder: Path,
    materials: Materials,
    *,
    soft: Any = None,
    more: Any = (),
    **params: Any,
) -> dict[str, Any]:
    """Train a base for the task of a predictor and export it.

    Parameters
    ----------
    part : Path
        Files of the predictor that it comes from.
    base : Path
        A folder in Hugging Face layout.
    folder : Path
        Gets the files of the new predictor, in fp32.
    soft : array, optional
        A teacher's probabilities of the rows and of those in `more`.
    more : pair of sequences, optional
        Further items and their targets.

    Raises
    ------
    CompressionError
        If the new predictor knows other labels than the old one.
    """
    checkpoints = materials.scratch / f"checkpoints-{folder.name}"
    given = {"epochs": materials.epochs, "checkpoint_folder": str(checkpoints), **params}
    method = estimator_of(part, base, materials, **{**given, **materials.chosen_before("chosen")})
    items, targets = materials.known
    if more:
        items, targets = items + list(more[0]), targets + list(more[1])
    options = {} if soft is None else {"soft": soft}
    method.fit(items, targets, validation=materials.held, listener=materials.listener, **options)
    folder.mkdir(parents=True, exist_ok=True)
    method.export(folder)
    check_labels(part, folder)
    chosen = {name: value for name, value in method.chosen_params_.items() if name not in NOT_OF_A_REFIT}
    return {"epochs": materials.epochs, "rows": len(items), "method": method.name, "chosen": chosen}


def check_labels(part: Path, folder: Path) -> None:
    """Refuse a new predictor of other labels than the old one."""
    before, after = (set(read_settings(one).get("labels", ())) for one in (part, folder))
    if before != after:
        lacking = ", ".join(sorted(before - after)[:5]) or ", ".join(sorted(after - before)[:5])
        raise CompressionError(
            f"The rows that are left to learn from have other labels than the bundle: {lacking}. Give the rows that it was "
            "trained on with --data."
        )
