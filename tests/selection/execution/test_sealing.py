"""Sealed candidates of one run: what is equal in them lies on the disk once."""

import numpy as np
from safetensors.numpy import save_file

import metier
from metier.bundles import verify
from metier.runs.run_list import run_facts
from metier.selection.execution import sealing


def test_equal_files_of_candidates_lie_on_the_disk_once(tmp_path, monkeypatch):
    lines = [f"{'card' if n % 2 else 'rate'} number {n * 7919} of {n},{'ab'[n % 2]}" for n in range(120)]
    (tmp_path / "rows.csv").write_text("\n".join(["text,label", *lines]) + "\n")

    def seal(folder, facts, *, original=sealing.seal):
        save_file({"graph": np.ones(20_000)}, folder / "graph.safetensors")
        return original(folder, facts)

    monkeypatch.setattr(sealing, "seal", seal)
    how = {"data": {"train": str(tmp_path / "rows.csv")}, "candidates": ["majority", "tfidf_linear"]}
    run = metier.train(settings=how, run=tmp_path / "run").folder
    one, other = (run / "candidates" / name for name in ("majority.v1", "tfidf_linear.v1"))
    assert (one / "graph.safetensors").samefile(other / "graph.safetensors")
    assert not (one / "manifest.json").samefile(other / "manifest.json")
    assert verify(one).files["graph.safetensors"] == verify(other).files["graph.safetensors"]
    counted = sum(path.lstat().st_size for path in run.rglob("*") if not path.is_dir())
    assert counted - run_facts(run).size_bytes >= 160_000
