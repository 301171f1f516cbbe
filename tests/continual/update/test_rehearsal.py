"""Spans are rehearsed: the tagger learns new rows beside old ones, and what it was is left as it was."""

import pytest

import metier
from metier.bundles import load_bundle, verify
from metier.continual.update import Edits, UpdateOptions, update
from metier.errors import CallError
from tests.conftest import EXAMPLES


@pytest.fixture(scope="module")
def tagger(tmp_path_factory):
    """A folder with a run of a CRF, and its old, new and test rows."""
    folder = tmp_path_factory.mktemp("tagger")
    read = {
        part: (EXAMPLES / "ncbi_disease" / f"{part}.conll").read_text("utf-8") for part in ("train", "test")
    }
    parts = {part: text.split("\n\n") for part, text in read.items()}
    files = {"old": parts["train"][:90], "new": parts["train"][90:150], "test": parts["test"][:60]}
    for name, sentences in files.items():
        (folder / f"{name}.conll").write_text("\n\n".join(sentences) + "\n", "utf-8")
    metier.train(
        folder / "old.conll",
        test=folder / "test.conll",
        candidates=["dictionary_tagger"],
        budget=1,
        run=folder / "run",
    )
    return folder


def test_a_tagger_learns_new_rows_beside_old_ones(tagger):
    files = {"old": tagger / "old.conll", "test": tagger / "test.conll"}
    options = UpdateOptions(method="replay")
    found = update(tagger / "run", tagger / "new.conll", output=tagger / "after", options=options, **files)
    assert set(found.facts["methods"]) == {"naive.v1", "replay.v1", "joint.v1"}
    assert len(found.old) == 60
    assert found.facts["figures"]["forgetting"]["value"] < 0.05
    joint, naive = (found.facts["methods"][name]["old"]["after"]["value"] for name in ("joint.v1", "naive.v1"))
    assert joint >= naive
    assert load_bundle(tagger / "after").manifest.update["method"] == "replay.v1"
    verify(tagger / "run" / "best")
    with pytest.raises(CallError, match="something else"):
        update(tagger / "run", tagger / "new.conll", output=tagger / "after", options=options, **files)


def test_labels_of_spans_cannot_be_changed(tagger):
    options = UpdateOptions(edits=Edits.parse(["Disease=Illness"]))
    with pytest.raises(CallError, match="--rename"):
        update(tagger / "run", tagger / "new.conll", old=tagger / "old.conll", options=options)
