"""Sealed bundles for a dialogue about icons: a search over their pictures, a model of labels, and the cases."""

import json
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest

import metier
from metier import catalogue
from metier.bundles import ManifestFacts, seal
from metier.predictors.loading import read_settings
from metier.tasks.retrieval import Retrieval

ICONS = Path(__file__).parents[2] / "examples" / "titled_icons"


def sealed(method, folder, task):
    folder.mkdir()
    method.export(folder)
    facts = {
        "name": method.name,
        "method": method.name,
        "task": task,
        "predictor": {"kind": read_settings(folder)["kind"], "name": method.name},
        "data": {"fingerprint": "ab" * 32, "origin": "cases.jsonl", "rows": {"train": 24}},
    }
    seal(folder, ManifestFacts.model_validate(facts))
    return folder


@pytest.fixture(scope="session")
def office(cut_to, tmp_path_factory):
    """What a help desk has: a file of cases, a sealed search over their pictures, and a sealed model of labels."""
    folder = tmp_path_factory.mktemp("office")
    shutil.copytree(ICONS / "images", folder / "images")  # Rows of a file see no picture outside its folder.
    icons = metier.read(ICONS / "data.csv", text="text", label="label", split="none", image="image")
    whole = zip(icons.texts, icons.labels, icons.column("image"), icons.image_files, strict=True)
    rows = [
        {
            "id": f"C{at}",
            "image": str(folder / "images" / Path(path).name),
            "text": f"what is {text}?",
            "target": f"It is under {label}.",
            "label": label,
        }
        for at, (text, label, name, path) in enumerate(whole)
        if text and name
    ][:24]
    cases = folder / "cases.jsonl"
    named = [row | {"image": f"images/{Path(row['image']).name}"} for row in rows]
    cases.write_text("".join(json.dumps(row) + "\n" for row in named), "utf-8")
    pairs = metier.read(rows, text="text", image="image", label="none", target="none")
    task = Retrieval.from_rows(pairs)
    base = str(cut_to(1, small=True))
    search = catalogue.resolve("aligned_linear.v1")(collection=task.collection, base=base, penalty=1.0, size=32)
    search.fit(task.items(pairs), task.targets(pairs))
    facts = {"name": "retrieval", "labels": [], "input_keys": ["text", "image"], "roles": ["text", "image"]}
    items = [{"text": row["text"], "image": row["image"]} for row in rows]
    labels = [row["label"] for row in rows]
    joint = catalogue.resolve("joint.v1")(base=base, precision="fp32").fit(items, labels)
    of_labels = {"name": "classification", "labels": sorted(set(labels)), "input_keys": ["text", "image"]}
    return SimpleNamespace(
        rows=rows,
        cases=cases,
        search=sealed(search, folder / "search", facts),
        labels=sealed(joint, folder / "labels", of_labels),
    )
