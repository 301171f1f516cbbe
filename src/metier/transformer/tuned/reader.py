"""A pretrained encoder fine-tuned to point at the answer in a passage."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar

from pydantic import Field

from metier.tasks.answers import PASSAGE_ANSWER
from metier.tasks.answers.decoder_settings import VERDICT
from metier.tasks.inputs import QUESTION
from metier.tasks.method_contract import Capabilities
from metier.tasks.method_settings import with_settings
from metier.training.heads.answer_head import AnswerHead, PassageSettings
from metier.training.tuned_method import FINE_TUNING, TunedEstimator, TunedMethod


class ReaderSettings(PassageSettings):
    """What `Reader` can be set to."""

    token_budget: int = Field(2048, ge=1, description="Tokens of a batch, padding included.")
    verdict: Mapping[str, Any] | None = VERDICT


@with_settings(ReaderSettings)
class Reader(TunedEstimator):
    """A pretrained encoder with full fine-tuning that scores the start and the end of the answer.

    Passages of any length are read in overlapping windows; the best span of any window is the answer [1]_. Rows whose
    list of answers is empty teach it when not to answer. Some hundred questions are enough to find a little more than
    `PassagePhrase` does (on XQuAD, taught 452 English ones, F1 .44 to .39), at many times its cost; the more, the better.

    References
    ----------
    .. [1] Devlin et al., "BERT: pre-training of deep bidirectional transformers", 2019, arXiv:1810.04805. Windows are
       compared by margins over their own "no answer", since their scores are not normalised together.
    """

    name = "reader.v1"
    capabilities: ClassVar[Capabilities] = replace(FINE_TUNING, reads_windows=True)
    method = TunedMethod(QUESTION, AnswerHead(), PASSAGE_ANSWER)
