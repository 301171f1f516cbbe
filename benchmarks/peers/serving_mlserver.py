"""A runtime of MLServer, which `mlserver start FOLDER` loads by the `model-settings.json` that `serving` writes there."""

from mlserver import MLModel
from mlserver.codecs import StringCodec
from mlserver.types import InferenceRequest, InferenceResponse

from benchmarks.peers.serving_answers import served


class Texts(MLModel):  # type: ignore[misc]
    """Answer texts, one a request."""

    async def load(self) -> bool:
        """Load what answers."""
        self.answer = served()
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        """Answer the texts of a request of the Open Inference Protocol."""
        texts = StringCodec.decode_input(payload.inputs[0])
        labels = [one["label"] for one in self.answer(texts)]
        return InferenceResponse(model_name=self.name, outputs=[StringCodec.encode_output("label", labels)])
