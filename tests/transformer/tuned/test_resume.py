"""A training that was killed goes on and ends with the answers it would have given: proved by killing one."""

import json
import os
import signal
import subprocess
import sys

import numpy as np
import pytest

from metier.errors import CallError, UnreadableFileError
from metier.transformer.tuned.encoder import Encoder

# A checkpoint after every step, so that the kill falls at any place of an epoch, also into the writing.
TRAINING = """
import dataclasses, json, sys
import torch
torch.set_num_threads(1)
from metier.transformer.tuned.encoder import Encoder
from metier.training.encoder_settings import TuningSettings

settings, rows = json.loads(sys.argv[1]), json.loads(sys.argv[2])
usual = TuningSettings.of_loop.fget
often = {"seconds_between_checkpoints": 0.0}
TuningSettings.of_loop = property(lambda self: dataclasses.replace(usual(self), **often))

def tell(progress):
    if "step" in progress.facts:
        print(int(progress.facts["step"]), flush=True)

Encoder(**settings).fit(*rows["train"], validation=rows["validation"], listener=tell)
"""


@pytest.fixture(scope="module", autouse=True)
def precision_of_the_killed_process(exact_products):
    """Both trainings in this machine's own precision: the process that is killed knows no fixture."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("metier.bases.precision.has_native_bfloat16", exact_products)
        yield


@pytest.fixture(scope="module")
def rows(queries):
    texts, labels = queries
    return {
        "train": (texts[:80], labels[:80]),
        "validation": (texts[80:110], labels[80:110]),
        "unseen": texts[110:140],
    }


@pytest.fixture(scope="module")
def settings(small_base):
    # Dropout on, so that the state of chance counts too.
    return {"base": str(small_base), "epochs": 2, "token_budget": 256, "dropout": 0.1, "C": 0.01}


@pytest.fixture(scope="module")
def uninterrupted(settings, rows):
    return Encoder(**settings).fit(*rows["train"], validation=rows["validation"])


@pytest.fixture(scope="module")
def killed(settings, rows, uninterrupted, tmp_path_factory):
    """The checkpoints of a process that was killed half-way."""
    folder = tmp_path_factory.mktemp("killed")
    own = json.dumps({**settings, "checkpoint_folder": str(folder)})
    process = subprocess.Popen(
        [sys.executable, "-c", TRAINING, own, json.dumps(rows)], stdout=subprocess.PIPE, text=True
    )
    for line in process.stdout:
        if int(line) > uninterrupted.facts_["steps"] // 2:
            os.kill(process.pid, signal.SIGKILL)
            break
    process.stdout.close()
    assert process.wait() == -signal.SIGKILL
    return folder


def test_other_rows_or_settings_do_not_go_on_from_it(settings, rows, killed):
    other = Encoder(**{**settings, "dropout": 0.0}, checkpoint_folder=killed)
    with pytest.raises(CallError, match=r"of another run: dropout was 0\.1; this run has dropout = 0\.0"):
        other.fit(*rows["train"], validation=rows["validation"])
    same = Encoder(**settings, checkpoint_folder=killed)
    with pytest.raises(CallError, match="of another run: rows was"):
        same.fit(*(part[:-1] for part in rows["train"]), validation=rows["validation"])


def test_damaged_checkpoints_are_told_from_whole_ones(settings, rows, killed, tmp_path):
    for step in ("step-00000001", "step-00000002"):
        (tmp_path / step).mkdir()
        (tmp_path / step / "state.json").write_text("{")
    with pytest.raises(UnreadableFileError, match="is whole"):
        Encoder(**settings, checkpoint_folder=tmp_path).fit(*rows["train"], validation=rows["validation"])


def test_a_killed_training_resumes_to_the_same_answers(settings, rows, uninterrupted, killed):
    steps = []
    resumed = Encoder(**settings, checkpoint_folder=killed).fit(
        *rows["train"],
        validation=rows["validation"],
        listener=lambda told: steps.append(told.facts.get("step")),
    )
    taken = [step for step in steps if step is not None]
    assert min(taken) > uninterrupted.facts_["steps"] // 3  # It went on and did not begin again.
    expected = uninterrupted.predict_proba(rows["unseen"])
    np.testing.assert_allclose(resumed.predict_proba(rows["unseen"]), expected, atol=1e-6, rtol=0)
    assert resumed.chosen_params_ == pytest.approx(uninterrupted.chosen_params_)
