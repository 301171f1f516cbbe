"""What a bundle keeps of its updates, so that a later one goes on: `update/` in its folder, sealed with it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load_file, save_file

from metier.bundles.updated_answers import KNOWN_FILE
from metier.bundles.updated_answers import UPDATE_FOLDER as FOLDER
from metier.continual.update.labels import LabelTable
from metier.predictors.loading import as_bundle_error

FORMAT = "metier.update.v1"
STATE_FILE = "state.json"


@dataclass(frozen=True)
class UpdateState:
    """What is kept.

    Parameters
    ----------
    labels : LabelTable
    method : str or None
        That answers; None: the bundle was never updated.
    temperature : float
    digest : str
        Of what the last update was made from, and how.
    history : tuple of dict
        One an update: when, method, rows, labels.
    methods : dict of str to arrays
        What methods go on with.
    known : dict of int to str
        Keys of the texts that were learned, and the labels they had.
    """

    labels: LabelTable
    method: str | None = None
    temperature: float = 1.0
    digest: str = ""
    history: tuple[dict[str, Any], ...] = ()
    methods: Mapping[str, Mapping[str, np.ndarray]] = field(default_factory=dict)
    known: Mapping[int, str] = field(default_factory=dict)

    def write(self, bundle: Path) -> None:
        """Write it into the folder of a bundle that is not sealed yet."""
        folder = bundle / FOLDER
        folder.mkdir()
        facts = {
            "format": FORMAT,
            "method": self.method,
            "temperature": self.temperature,
            "digest": self.digest,
            "labels": self.labels.facts,
            "history": list(self.history),
        }
        text = json.dumps(facts, ensure_ascii=False, indent=1)
        (folder / STATE_FILE).write_text(text + "\n", encoding="utf-8", errors="backslashreplace")
        for name, arrays in self.methods.items():
            save_file(
                {key: np.ascontiguousarray(one) for key, one in arrays.items()}, folder / f"{name}.safetensors"
            )
        ids = {name: one.id for one in self.labels.labels for name in (*one.formerly, one.name)}
        ids |= {one.name: one.id for one in self.labels.in_use}
        keys = np.array(list(self.known), dtype=np.uint64)
        numbers = np.array([ids[label] for label in self.known.values()], dtype=np.int32)
        save_file({"keys": keys, "labels": numbers}, folder / KNOWN_FILE)


def read_state(bundle: Path, labels: tuple[str, ...]) -> UpdateState:
    """Read what a bundle keeps; of one that was never updated, its labels alone.

    Raises
    ------
    BundleError
        If the files are broken.
    """
    folder = bundle / FOLDER
    if not (folder / STATE_FILE).is_file():
        return UpdateState(LabelTable.of_names(labels))
    with as_bundle_error(bundle, "does not hold a complete state of its updates"):
        facts = json.loads((folder / STATE_FILE).read_text(encoding="utf-8"))
        table = LabelTable.of_facts(facts["labels"])
        arrays = load_file(folder / KNOWN_FILE)
        names = [one.name for one in table.labels]
        known = {
            key: names[number]
            for key, number in zip(arrays["keys"].tolist(), arrays["labels"].tolist(), strict=True)
        }
        methods = {
            path.stem: load_file(path) for path in folder.glob("*.safetensors") if path.name != KNOWN_FILE
        }
        return UpdateState(
            table,
            facts["method"],
            facts["temperature"],
            facts["digest"],
            tuple(facts["history"]),
            methods,
            known,
        )
