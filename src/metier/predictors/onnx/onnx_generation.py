"""Text generation with ONNX Runtime, without torch: `onnx_generation.v1` and `onnx_encoder_decoder.v1`.

The folder holds `model.onnx` (see `export.onnx_decoder` for its inputs), `tokenizer.json`, and in `predictor.json`
how prompts are built and tokens chosen; with prefix or prompt tuning `initial_state.safetensors`, what every prompt is read
behind; of an encoder-decoder `encoder.onnx` besides (see `export.onnx_encoder_decoder`).
Rows that are asked together are written side by side, some at a time.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Protocol, Self

from metier.errors import BundleError
from metier.predictors.loading import read_settings
from metier.predictors.onnx.decoder_loop import STATE_FILE, DecoderLoop, read_state
from metier.predictors.onnx.encoder_decoder_loop import EncoderDecoderLoop, TokenRules
from metier.predictors.onnx.graph_session import MODEL_FILE, TOKENIZER_FILE, open_session
from metier.predictors.text.decoding import DecodingSettings, Search, StepwiseModel
from metier.predictors.text.decoding.constraints import build_constraint
from metier.predictors.text.decoding.token_choice import readable
from metier.predictors.text.extracted_sentences import written
from metier.predictors.text.paired_codec import PairedCodec
from metier.predictors.text.prompting import Codec, FileCodec, Prompts, PromptSettings
from metier.tasks.answer_batches import RecordAnswers
from metier.tasks.inputs import CONVERSATION

KIND, PAIR_KIND = "onnx_generation.v1", "onnx_encoder_decoder.v1"
ENCODER_FILE = "encoder.onnx"
ROWS_AT_ONCE = 512


class Loop(StepwiseModel, Protocol):
    """A model that writes token by token, and says how likely given answers are."""

    most_rows: int

    def loss(self, prompt: Sequence[int], answer: Sequence[int]) -> float:
        """Give the mean negative log-likelihood of the tokens of a given answer."""
        ...

    def losses(self, prompts: Sequence[Sequence[int]], answers: Sequence[Sequence[int]]) -> list[float]:
        """Give what `loss` gives for several answers."""
        ...


class OnnxGenerationPredictor:
    """A causal model with its cache, answering without torch. Safe to share between threads.

    Parameters
    ----------
    loop : Loop
    codec : Codec
    settings : mapping
        `predictor.json`: name, prompt, decoding, end_ids.
    """

    labels: tuple[str, ...] = ()
    kind: ClassVar[str] = KIND

    def __init__(self, loop: Loop, codec: Codec, settings: Mapping[str, Any]):
        self.name: str = settings["name"]
        self._loop = loop
        self._codec = codec
        self._prompts = Prompts(PromptSettings.of(settings["prompt"]), codec)
        self._decoding = DecodingSettings(**settings["decoding"])
        ends = settings["end_ids"]
        constraint = build_constraint(
            self._decoding.constraint,
            codec,
            end_ids=ends,
            max_new_tokens=self._decoding.max_new_tokens,
            n_before=self._begins_after(),
        )
        self._search = Search(
            self._loop, self._decoding, end_ids=ends, constraint=constraint, most_rows=self._loop.most_rows
        )

    @classmethod
    def load(cls, folder: Path, *, threads: int = 1) -> Self:
        """Load what `Generator.export` wrote.

        Raises
        ------
        BundleError
            If a file is missing or broken.
        """
        settings = read_settings(folder)
        try:
            loop = cls.open_loop(folder, settings, threads=threads)
        except Exception as error:  # onnxruntime has no common error.
            raise BundleError(
                f"{folder} holds no model that can be loaded ({error}). "
                "Export it again, or take it from its source."
            ) from error
        paired = settings.get("codec")
        codec = FileCodec(folder / TOKENIZER_FILE) if paired is None else PairedCodec(folder, paired)
        return cls(loop, codec, settings)

    @classmethod
    def open_loop(cls, folder: Path, settings: Mapping[str, Any], *, threads: int) -> Loop:
        """Open the graphs of a folder; raises whatever ONNX Runtime raises."""
        session = open_session(folder / MODEL_FILE, threads=threads)
        return DecoderLoop(session, initial=read_state(folder / STATE_FILE))

    def _begins_after(self) -> int:
        """Give how many tokens an answer begins with that are none of its text."""
        return 0

    def predict(self, items: Sequence[Any]) -> RecordAnswers:
        """Write an answer to each item."""
        plain = CONVERSATION.read(items) if len(items) else []
        texts: list[str] = []
        for start in range(0, len(plain), ROWS_AT_ONCE):
            built = [self._prompts.build(item) for item in plain[start : start + ROWS_AT_ONCE]]
            answers = iter(self._search.answers([prompt for prompts in built for prompt in prompts]))
            texts += [
                self._prompts.join([self._prompts.decode(next(answers)) for _ in prompts]) for prompts in built
            ]
        return written(texts, self.name)

    def stream(self, item: Any) -> Iterator[str]:
        """Give the answer to one item piece by piece, as it is written."""
        prompts = self._prompts.build(CONVERSATION.read([item])[0])
        return self._prompts.join_streams(
            readable(self._search.tokens(prompt), self._prompts.decode) for prompt in prompts
        )

    @property
    def context_tokens(self) -> int:
        """Most tokens of a prompt."""
        return self._prompts.settings.room

    def count_tokens(self, text: str) -> int:
        """Give how many tokens a text has."""
        return len(self._codec.encode(text))

    def answer_loss(self, item: Any, answer: str) -> float:
        """Give the mean negative log-likelihood of the tokens of an answer to an item that somebody else wrote.

        Of a longer answer as many tokens count as the model would write.
        """
        [plain] = CONVERSATION.read([item])
        written_ids = self._codec.encode_target(answer)[: self._decoding.max_new_tokens]
        # The marks of a template with many turns can be a few tokens more than was reckoned.
        return self.loss(self._prompts.build(plain)[0][-self.context_tokens :], written_ids)

    def loss(self, prompt: Sequence[int], answer: Sequence[int]) -> float:
        """Give the mean negative log-likelihood of the tokens of an answer that somebody else wrote."""
        return self._loop.loss(prompt, answer)

    def losses(self, prompts: Sequence[Sequence[int]], answers: Sequence[Sequence[int]]) -> list[float]:
        """Give what `loss` gives for several answers."""
        return self._loop.losses(prompts, answers)


class OnnxEncoderDecoderPredictor(OnnxGenerationPredictor):
    """An encoder-decoder with its cache, answering without torch. Safe to share between threads."""

    kind: ClassVar[str] = PAIR_KIND

    @classmethod
    def open_loop(cls, folder: Path, settings: Mapping[str, Any], *, threads: int) -> Loop:
        """Open the graphs of a folder; `token_rules` of the settings says what every answer keeps to."""
        encoder, decoder = (open_session(folder / name, threads=threads) for name in (ENCODER_FILE, MODEL_FILE))
        return EncoderDecoderLoop(encoder, decoder, TokenRules.of(settings["token_rules"]))

    def _begins_after(self) -> int:
        """Those that its tokenizer puts before every text."""
        return len(self._prompts.settings.before)
