"""Fine-tuning with AutoGluon-MultiModal: its defaults, on the same base and for as many epochs."""

from benchmarks.peers.task import Meter, Task, answer, read

TASK = Task.asked()

import tempfile  # noqa: E402

import torch  # noqa: E402

# torchvision, which it imports, looks for operators that a CPU build of torch does not bring.
_LIBRARY = torch.library.Library("torchvision", "DEF")
_LIBRARY.define("nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
_LIBRARY.define("qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")

import pandas  # noqa: E402
from autogluon.multimodal import MultiModalPredictor  # noqa: E402


def main() -> None:
    """Train, score, print."""
    torch.set_num_threads(TASK.threads)
    texts, labels = read(TASK.train)
    validation_texts, truth = read(TASK.validation)
    meter = Meter()
    with tempfile.TemporaryDirectory() as folder:
        predictor = MultiModalPredictor(
            label="label", problem_type="multiclass", path=f"{folder}/model", verbosity=0
        )
        meter.go()
        predictor.fit(
            pandas.DataFrame({"text": texts, "label": labels}),
            tuning_data=pandas.DataFrame({"text": validation_texts, "label": truth}),
            seed=TASK.seed,
            hyperparameters={
                "model.names": ["hf_text"],
                "model.hf_text.checkpoint_name": str(TASK.base),
                "optim.max_epochs": TASK.epochs,
                "env.num_workers": 0,
                "env.num_workers_inference": 0,
                "env.accelerator": "cpu",
                **TASK.options.get("hyperparameters", {}),
            },
        )
        answer(
            TASK,
            meter,
            lambda texts: predictor.predict(pandas.DataFrame({"text": texts})).tolist(),
            examples=len(texts) * TASK.epochs,
            packages=("torch", "autogluon.multimodal"),
        )


if __name__ == "__main__":
    main()
