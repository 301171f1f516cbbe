"""A transformers pipeline behind FastAPI, as tutorials have it: `python -m benchmarks.peers.serving_pipeline PORT`.

`SERVED_WHAT=torch` runs the float32 checkpoint in torch, `encoder` the INT8 file in ONNX Runtime inside the same pipeline.
"""

import json
import os
import sys
from pathlib import Path
from typing import Any

import torch
import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel
from transformers import AutoConfig, AutoModel, AutoTokenizer, PreTrainedModel, pipeline
from transformers.modeling_outputs import SequenceClassifierOutput

from benchmarks.peers.serving_answers import FOLDER, WHAT, read_head


class Classifier(PreTrainedModel):  # type: ignore[misc]
    """The encoder with its head, as a model for the pipeline."""

    def __init__(self, config: Any, folder: Path, run: Any):
        super().__init__(config)
        weight, bias = read_head(folder / "head.safetensors")
        self.run = run
        self.weight = torch.nn.Parameter(torch.tensor(weight), requires_grad=False)
        self.bias = torch.nn.Parameter(torch.tensor(bias), requires_grad=False)

    def forward(self, input_ids: Any, attention_mask: Any, **_: Any) -> Any:
        """Give the logits."""
        vectors = self.run(input_ids, attention_mask)
        return SequenceClassifierOutput(logits=(vectors @ self.weight.T + self.bias) / self.config.temperature)


def in_torch(folder: Path) -> Any:
    """Run the float32 checkpoint."""
    encoder = AutoModel.from_pretrained(folder / "huggingface").eval()

    def run(input_ids: Any, attention_mask: Any) -> Any:
        hidden = encoder(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
        mask = attention_mask.unsqueeze(-1)
        return torch.nn.functional.normalize((hidden * mask).sum(1) / mask.sum(1), dim=1)

    return run


def in_onnx(folder: Path) -> Any:
    """Run the INT8 file."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(
        str(folder / "model.onnx"), options, providers=["CPUExecutionProvider"]
    )

    def run(input_ids: Any, attention_mask: Any) -> Any:
        given = {"input_ids": input_ids.numpy(), "attention_mask": attention_mask.numpy()}
        return torch.from_numpy(session.run(None, given)[0])

    return run


class Question(BaseModel):
    """A request."""

    text: str


def build_app() -> FastAPI:
    """Load the pipeline and give the app."""
    torch.set_num_threads(1)
    folder, app = Path(os.environ[FOLDER]), FastAPI()
    facts = json.loads((folder / "predictor.json").read_text(encoding="utf-8"))
    config = AutoConfig.from_pretrained(folder / "huggingface")
    config.id2label = dict(enumerate(facts["labels"]))
    config.temperature = facts["temperature"]
    run = in_torch(folder) if os.environ[WHAT] == "torch" else in_onnx(folder)
    tokenizer = AutoTokenizer.from_pretrained(folder / "huggingface", model_max_length=facts["max_length"])
    ask = pipeline("text-classification", model=Classifier(config, folder, run).eval(), tokenizer=tokenizer)

    @app.post("/predict")
    def predict(question: Question) -> dict[str, Any]:
        (found,) = ask([question.text], truncation=True)
        return {"label": found["label"], "probability": found["score"]}

    @app.get("/ready")
    def ready() -> dict[str, str]:
        return {"status": "ready"}

    return app


if __name__ == "__main__":
    uvicorn.run(build_app(), host="127.0.0.1", port=int(sys.argv[1]), log_level="error", access_log=False)
