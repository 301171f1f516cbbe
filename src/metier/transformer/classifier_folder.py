"""A sequence classifier in a folder of Hugging Face layout, as it came: asked in torch, without training or export."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers

from metier.bases.huggingface_folder import check_whole, load_pretrained, loading
from metier.errors import BaseModelError
from metier.tasks.answers import LABEL, LABEL_SET
from metier.tasks.task_table import known_task

BATCH_ROWS = 32
MOST_TOKENS = 512  # Where neither the tokenizer nor the network states how much it reads.
UNLIMITED = 1_000_000  # What a tokenizer states that has no limit is larger.
# What a configuration calls a problem: the task, and how logits become answers.
PROBLEMS: dict[str, tuple[str, Callable[[torch.Tensor], torch.Tensor]]] = {
    "single_label_classification": ("classification", lambda logits: logits.softmax(dim=1)),
    "multi_label_classification": ("multi_label", torch.sigmoid),
    "regression": ("regression", lambda logits: logits[:, 0]),
}


class ClassifierFolder:
    """What `AutoModelForSequenceClassification` loads, from safetensors alone and without running code of the folder.

    Parameters
    ----------
    folder : Path
    threads : int, default=1
        Threads of one call.

    Attributes
    ----------
    task : {"classification", "multi_label", "regression"}
        What its configuration says; one output without a stated problem is a number.
    labels : tuple of str
        `id2label` in the order of the outputs; empty for a number.

    Raises
    ------
    BaseModelError
        If the folder holds no classifier that transformers knows, or not all of its weights.
    """

    def __init__(self, folder: Path, *, threads: int = 1):
        self.threads = threads
        with loading(folder, "a classifier", "a sequence classifier"):
            self._model, missing = load_pretrained(transformers.AutoModelForSequenceClassification, folder)
            self._tokenizer = transformers.AutoTokenizer.from_pretrained(
                folder, local_files_only=True, trust_remote_code=False
            )
        check_whole(folder, missing, "classifier")
        self._model.eval()
        config = self._model.config
        n_outputs = config.num_labels
        problem = config.problem_type or list(PROBLEMS)[2 if n_outputs == 1 else 0]
        self.task, self._answers = PROBLEMS[problem]
        gives_labels = known_task(self.task).answer in (LABEL.name, LABEL_SET.name)
        if n_outputs > 1 and not gives_labels:
            raise BaseModelError(
                f"{folder} gives {n_outputs} numbers for a text, and one is compared with what is right. Adapt a function "
                "that gives one of them: metier.adapt(function, task='regression')."
            )
        names = [str(config.id2label[place]) for place in range(n_outputs)]
        self.labels = tuple(names) if gives_labels else ()
        limits = (self._tokenizer.model_max_length, config.to_dict().get("max_position_embeddings"))
        self._most_tokens = min([limit for limit in limits if limit and limit < UNLIMITED], default=MOST_TOKENS)

    def predict(self, items: Sequence[Any]) -> np.ndarray:
        """Give probabilities, of shape (n_items, n_labels), or numbers of shape (n_items,).

        Parameters
        ----------
        items : sequence of str, or of mappings with `text` and `text_pair`
            What is longer than the network reads is cut at its end.
        """
        given = [_sides(item) for item in items]
        # Texts of like length together, so that little is padded.
        order = sorted(range(len(given)), key=lambda place: -sum(map(len, given[place])))
        logits = np.zeros((len(given), self._model.config.num_labels))
        before = torch.get_num_threads()
        torch.set_num_threads(self.threads)
        try:
            for start in range(0, len(order), BATCH_ROWS):
                some = order[start : start + BATCH_ROWS]
                logits[some] = self._logits([given[place] for place in some])
        finally:
            torch.set_num_threads(before)
        answers: np.ndarray = self._answers(torch.from_numpy(logits)).numpy()
        return answers

    def _logits(self, given: Sequence[tuple[str, ...]]) -> np.ndarray:
        sides = [list(side) for side in zip(*given, strict=True)]
        fed = self._tokenizer(
            *sides, padding=len(given) > 1, truncation=True, max_length=self._most_tokens, return_tensors="pt"
        )
        with torch.inference_mode():
            found: np.ndarray = self._model(**fed).logits.double().numpy()
        return found


def _sides(item: Any) -> tuple[str, ...]:
    """Give the text of a question, or both of a pair."""
    if isinstance(item, Mapping):
        return str(item["text"]), str(item["text_pair"])
    return (str(item),)
