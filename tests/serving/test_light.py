import subprocess
import sys

from metier.predictors.loading import KINDS

HEAVY = {
    "torch",
    "transformers",
    "datasets",
    "accelerate",
    "peft",
    "model2vec",
    "sklearn",
    "scipy",
    "pandas",
    "pyarrow",
}


def test_whatever_kind_is_served_nothing_heavy_is_imported():
    """Half of the start of a server is imports; scipy for one softmax took as long as all the rest."""
    # The three kinds that say in their name that they answer by torch are not for the light core.
    light = [target for kind, target in KINDS.items() if not kind.startswith("torch_")]
    assert len(light) == len(KINDS) - 3
    modules = ["metier.cli.serve", *(target.partition(":")[0] for target in light)]
    code = f"import sys, {', '.join(modules)}; print(*sys.modules)"
    shown = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=180, check=True
    )
    imported = {name.partition(".")[0] for name in shown.stdout.split()}
    assert {"metier", "onnxruntime", "fastapi"} <= imported
    assert not imported & HEAVY
