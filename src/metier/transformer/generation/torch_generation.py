"""Text generation with torch: `torch_generation.v1`, the one kind of predictor that needs metier[train].

The folder holds `huggingface/`, the model as transformers loads it, and in `predictor.json` how prompts are built and
tokens chosen. Bases of the types in `bases.torch_free_writers` are answered without torch by
`predictors.onnx.onnx_generation`.
"""

import queue
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
import transformers

from metier.bases.generative_bases import (
    load_codec,
    load_language_model,
    resolve_generative_base,
    working_dtype,
)
from metier.features.tokenization import batches_by_length
from metier.predictors.loading import read_settings
from metier.predictors.text.decoding import DecodingSettings
from metier.predictors.text.decoding.constraints import build_constraint
from metier.predictors.text.decoding.token_choice import TokenScores, readable
from metier.predictors.text.extracted_sentences import written
from metier.predictors.text.prompting import Codec, Prompts, PromptSettings
from metier.tasks.answer_batches import RecordAnswers
from metier.tasks.inputs.conversation import as_items

KIND = "torch_generation.v1"
HUGGING_FACE_FOLDER = "huggingface"
TOKEN_BUDGET = 4096  # Tokens of a batch, what is to be written included: bounds the memory of the cache.
ROWS_AT_ONCE = 512


class TorchGenerationPredictor:
    """A generative model, answering by torch.

    Parameters
    ----------
    model : PreTrainedModel
        In evaluation mode.
    codec : Codec
    settings : mapping
        `predictor.json`: name, prompt, decoding.
    """

    labels: tuple[str, ...] = ()

    def __init__(self, model: Any, codec: Codec, settings: Mapping[str, Any]):
        self.name: str = settings["name"]
        self.model = model
        self._codec = codec
        self._prompts = Prompts(PromptSettings.of(settings["prompt"]), codec)
        self._decoding = DecodingSettings(**settings["decoding"])
        self._is_encoder_decoder = bool(model.config.is_encoder_decoder)
        self._generation = _generation_config(model, self._decoding)
        ends = self._generation.eos_token_id
        end_ids = [] if ends is None else list(ends) if isinstance(ends, list) else [ends]
        constraint = build_constraint(
            self._decoding.constraint,
            codec,
            end_ids=end_ids,
            # Some encoder-decoders make the last token that there is room for an end.
            max_new_tokens=self._decoding.max_new_tokens
            - (model.generation_config.forced_eos_token_id is not None),
            n_before=len(self._prompts.settings.before) if self._is_encoder_decoder else 0,
        )
        self._scores = TokenScores(self._decoding, end_ids=end_ids, constraint=constraint)
        # Draws come from torch's one generator, so two threads must not draw at once.
        self._lock = threading.Lock()

    @classmethod
    def load(cls, folder: Path, *, threads: int = 1) -> Self:
        """Load what `Generator.export` wrote; torch counts its threads by itself, for the whole process."""
        base = resolve_generative_base(str(folder / HUGGING_FACE_FOLDER))
        model = load_language_model(base, dtype=working_dtype(base))
        return cls(model, load_codec(base.folder), read_settings(folder))

    def predict(self, items: Sequence[Any]) -> RecordAnswers:
        """Write an answer to each item; a long sequence is worked off in batches of like length."""
        plain = as_items(items) if len(items) else []
        texts = []
        for start in range(0, len(plain), ROWS_AT_ONCE):
            built = [self._prompts.build(item) for item in plain[start : start + ROWS_AT_ONCE]]
            answers = iter(self._write([prompt for prompts in built for prompt in prompts]))
            texts += [self._prompts.join([next(answers) for _ in prompts]) for prompts in built]
        return written(texts, self.name)

    def stream(self, item: Any) -> Iterator[str]:
        """Give the answer to one item piece by piece, as it is written."""
        prompts = self._prompts.build(as_items([item])[0])
        return self._prompts.join_streams(
            readable(self._tokens(prompt), self._prompts.decode) for prompt in prompts
        )

    def _tokens(self, prompt: Sequence[int]) -> Iterator[int]:
        """Token ids as they are written; whoever stops asking ends the writing."""
        streamer = _TokenQueue(skipped=1 if self._decoding.beams == 1 else 0)
        worker = threading.Thread(target=self._write_into, args=(prompt, streamer), daemon=True)
        worker.start()
        try:
            yield from streamer
        finally:
            streamer.is_given_up = True
            worker.join()

    def _write_into(self, prompt: Sequence[int], streamer: "_TokenQueue") -> None:
        try:
            self._generate([prompt], streamer)
        except Exception as error:  # Raised again where the tokens are asked for.
            streamer.fail(error)

    def _write(self, prompts: Sequence[Sequence[int]]) -> list[str]:
        texts = [""] * len(prompts)
        room = self._decoding.max_new_tokens
        lengths = [len(prompt) + room for prompt in prompts]
        for positions in batches_by_length(lengths, token_budget=TOKEN_BUDGET // self._decoding.beams):
            for position, ids in zip(positions, self._generate([prompts[i] for i in positions]), strict=True):
                texts[position] = self._prompts.decode(ids)
        return texts

    def _processors(self, longest: int) -> Any:
        start = 1 if self._is_encoder_decoder else longest
        return transformers.LogitsProcessorList([_Scores(self._scores, start)] if self._scores.changes else [])

    def _generate(
        self, prompts: Sequence[Sequence[int]], streamer: "_TokenQueue | None" = None
    ) -> list[list[int]]:
        """Token ids of the answers; prompts of a causal model are padded in front."""
        pad_id = int(self._generation.pad_token_id)
        longest = max(map(len, prompts))
        ids = torch.full((len(prompts), longest), pad_id, dtype=torch.int64)
        mask = torch.zeros_like(ids)
        for row, prompt in enumerate(prompts):
            where = slice(0, len(prompt)) if self._is_encoder_decoder else slice(longest - len(prompt), None)
            ids[row, where] = torch.tensor(prompt, dtype=torch.int64)
            mask[row, where] = 1
        with self._lock if self._generation.do_sample else nullcontext(), torch.inference_mode():
            if self._generation.do_sample:
                torch.manual_seed(self._decoding.seed)
            given = self.model.generate(
                input_ids=ids,
                attention_mask=mask,
                generation_config=self._generation,
                logits_processor=self._processors(longest),
                streamer=streamer if self._decoding.beams == 1 else None,
                stopping_criteria=transformers.StoppingCriteriaList([streamer] if streamer else []),
            )
        new = given if self._is_encoder_decoder else given[:, longest:]
        if streamer is not None and self._decoding.beams > 1:  # Which beam wins is known at the end.
            streamer.put(new[0])
            streamer.end()
        return [np.asarray(row).tolist() for row in new]


class _Scores(transformers.LogitsProcessor):
    """Chooses among what the settings and the constraint allow, by the answer alone.

    What the prompt says an answer may say, which transformers' own processors forbid.
    """

    def __init__(self, scores: TokenScores, start: int):
        self._scores = scores
        self._start = start

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        if input_ids.shape[1] < self._start:
            return scores
        rows = zip(scores.float().cpu().numpy(), input_ids[:, self._start :].tolist(), strict=True)
        changed = np.stack([self._scores.of(row, ids) for row, ids in rows])
        return torch.from_numpy(changed).to(scores)


class _TokenQueue(transformers.StoppingCriteria):
    """Passes token ids from the generating thread to the reading one, and the stop signal back.

    Parameters
    ----------
    skipped : int
        How often something is put that is none of the answer: `generate` begins with what it was given.
    """

    def __init__(self, *, skipped: int):
        self.is_given_up = False
        self._skipped = skipped
        self._queue: queue.Queue[int | Exception | None] = queue.Queue()

    def __call__(self, input_ids: torch.Tensor, scores: Any, **_: Any) -> torch.Tensor:
        return torch.full((len(input_ids),), self.is_given_up)

    def put(self, ids: torch.Tensor) -> None:
        """Take what `generate` has written."""
        if self._skipped:
            self._skipped -= 1
            return
        for token in ids.flatten().tolist():
            self._queue.put(int(token))

    def end(self) -> None:
        """Say that nothing follows."""
        self._queue.put(None)

    def fail(self, error: Exception) -> None:
        """Say why nothing follows."""
        self._queue.put(error)

    def __iter__(self) -> Iterator[int]:
        while (found := self._queue.get()) is not None:
            if isinstance(found, Exception):
                raise found
            yield found


def _generation_config(model: Any, decoding: DecodingSettings) -> Any:
    """The base's own settings (first token, forbidden words), with ours over them."""
    own = model.generation_config.to_dict()
    end = own.get("eos_token_id")
    pad = own.get("pad_token_id")
    if pad is None:
        pad = end[0] if isinstance(end, list) else end
    does_sample = decoding.temperature > 0
    own |= {
        "max_new_tokens": decoding.max_new_tokens,
        "max_length": None,
        "num_beams": decoding.beams,
        "do_sample": does_sample,
        "temperature": decoding.temperature if does_sample else None,
        "top_p": decoding.top_p if does_sample else None,
        "top_k": decoding.top_k if does_sample and decoding.top_k else None,
        "min_p": decoding.min_p if does_sample and decoding.min_p else None,
        "no_repeat_ngram_size": None,
        "early_stopping": decoding.early_stopping if decoding.beams > 1 else None,
        "length_penalty": decoding.length_penalty if decoding.beams > 1 else None,
        "pad_token_id": pad if pad is not None else 0,
    }
    own.pop("transformers_version", None)
    return transformers.GenerationConfig(**{name: value for name, value in own.items() if value is not None})
