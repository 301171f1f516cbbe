"""A training that was killed goes on and ends with the answers it would have given: proved by killing one."""

import json
import os
import signal
import subprocess
import sys

import numpy as np
import pytest

from metier.errors import CallError, UnreadableFileError
from metier.transformer.encoder import Encoder

# A checkpoint after every step, so that the kill falls at any place of an epoch, also into the writing.
TRAINING = """
import dataclasses, json, sys
import numpy as np, torch
torch.set_num_threads(1)
from metier.transformer.encoder import Encoder

settings, rows, answers = json.loads(sys.argv[1]), json.load(open(sys.argv[2])), sys.argv[3]
usual = Encoder._loop_settings
Encoder._loop_settings = lambda self: dataclasses.replace(usual(self), seconds_between_checkpoints=0.0)

def tell(progress):
    if "step" in progress.facts:
        print(progress.facts["step"], flush=True)

method = Encoder(**settings).fit(*rows["train"], validation=rows["validation"], listener=tell)
np.save(answers, method.predict_proba(rows["unseen"]))
json.dump(method.chosen_params_, open(answers + ".json", "w"))
"""


@pytest.fixture(scope="module")
def rows(queries, tmp_path_factory):
    texts, labels = queries
    path = tmp_path_factory.mktemp("rows") / "rows.json"
    parts = {
        "train": (texts[:80], labels[:80]),
        "validation": (texts[80:110], labels[80:110]),
        "unseen": texts[110:140],
    }
    path.write_text(json.dumps(parts))
    return path


def train(settings, rows, answers, *, kill_at=None):
    command = [sys.executable, "-c", TRAINING, json.dumps(settings), str(rows), str(answers)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    steps = []
    for line in process.stdout:
        steps.append(int(line))
        if kill_at is not None and steps[-1] >= kill_at:
            os.kill(process.pid, signal.SIGKILL)
            break
    process.stdout.close()
    return process.wait(), steps


@pytest.fixture(scope="module")
def settings(tiny_base):
    # Dropout on, so that the state of chance counts too.
    return {"base": str(tiny_base), "epochs": 2, "token_budget": 256, "dropout": 0.1, "C": 0.01}


@pytest.fixture(scope="module")
def uninterrupted(settings, rows, tmp_path_factory):
    answers = tmp_path_factory.mktemp("whole") / "answers.npy"
    code, steps = train(settings, rows, answers)
    assert code == 0
    return np.load(answers), json.loads((answers.parent / "answers.npy.json").read_text()), max(steps)


@pytest.fixture(scope="module")
def killed(settings, rows, uninterrupted, tmp_path_factory):
    """The checkpoints of a run that was killed in the middle."""
    folder = tmp_path_factory.mktemp("killed")
    middle = uninterrupted[2] // 2
    code, steps = train(
        {**settings, "checkpoint_folder": str(folder / "checkpoints")},
        rows,
        folder / "answers.npy",
        kill_at=middle,
    )
    assert code == -signal.SIGKILL
    assert max(steps) < uninterrupted[2]
    assert not (folder / "answers.npy").exists()
    return folder


def test_other_rows_or_settings_do_not_go_on_from_it(settings, rows, killed):
    parts = json.loads(rows.read_text())
    other = Encoder(**{**settings, "dropout": 0.0}, checkpoint_folder=killed / "checkpoints")
    with pytest.raises(CallError, match=r"of another run: dropout was 0\.1; this run has dropout = 0\.0"):
        other.fit(*parts["train"], validation=parts["validation"])
    same = Encoder(**settings, checkpoint_folder=killed / "checkpoints")
    with pytest.raises(CallError, match="of another run: rows was"):
        same.fit(*(part[:-1] for part in parts["train"]), validation=parts["validation"])


def test_damaged_checkpoints_are_told_from_whole_ones(settings, rows, killed, tmp_path):
    for step in ("step-00000001", "step-00000002"):
        (tmp_path / step).mkdir()
        (tmp_path / step / "state.json").write_text("{")
    parts = json.loads(rows.read_text())
    with pytest.raises(UnreadableFileError, match="is whole"):
        Encoder(**settings, checkpoint_folder=tmp_path).fit(*parts["train"], validation=parts["validation"])


def test_a_killed_training_resumes_to_the_same_answers(settings, rows, uninterrupted, killed):
    expected, chosen, last = uninterrupted
    code, steps = train(
        {**settings, "checkpoint_folder": str(killed / "checkpoints")}, rows, killed / "answers.npy"
    )
    assert code == 0
    assert min(steps) > last // 3  # It went on and did not begin again.
    np.testing.assert_allclose(np.load(killed / "answers.npy"), expected, atol=1e-6, rtol=0)
    assert json.loads((killed / "answers.npy.json").read_text()) == pytest.approx(chosen)
