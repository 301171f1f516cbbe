"""Search by meaning, taught: the base fine-tuned so that queries lie beside what answers them."""

from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar, Self

from pydantic import Field
from sklearn.utils.validation import check_is_fitted

from metier.errors import EmptyDataError
from metier.predictors.composite.retrieve_rerank import (
    RETRIEVER_FOLDER,
    RetrieveRerankPredictor,
    as_kept,
    save_search,
)
from metier.progress import Listener, ignore
from metier.tasks.collection import collection_of, known_pairs
from metier.tasks.estimators import SearchMethod
from metier.tasks.method_contract import Capabilities
from metier.tasks.method_settings import with_settings
from metier.text.given_texts import as_texts
from metier.training.contrastive import VectorSettings
from metier.training.encoder_settings import Precision, Unchecked
from metier.training.training_cost import Cost
from metier.training.tuned_method import FINE_TUNING
from metier.transformer.frozen.frozen_search import bring_up, by_vectors
from metier.transformer.tuned.bi_encoder import BiEncoder, BiEncoderSettings

# What a choice on validation settles; a search has no pair head.
CHOSEN = ("base", "stop_epoch")


class SearchEncoderSettings(VectorSettings):
    """What `SearchEncoder` can be set to."""

    collection: Unchecked = Field(
        None, description="The texts to search in; None: the training texts, by their targets."
    )
    top: int = Field(10, ge=1, description="Most results per query.")
    precision: Precision = Field(
        "auto",
        description="Precision of the exported encoder; `auto`: fp32, as there are no labels for the "
        "equivalence check of INT8.",
    )


@with_settings(SearchEncoderSettings)
class SearchEncoder(SearchMethod):
    """A pretrained encoder fine-tuned on queries and what answers them, every other text of the batch held against
    it [1]_; searches by the cosine of vectors.

    It learns what matches in this data set: how customers ask and how the help desk answers. With fewer than some
    hundred pairs `FrozenSearch` is as good and takes seconds.

    Attributes
    ----------
    encoder_ : BiEncoder
        Fitted on matches.
    predictor_ : RetrieveRerankPredictor
    chosen_params_ : dict
        What to set so that another fit needs no validation.
    facts_ : dict
        How training went.

    References
    ----------
    .. [1] Henderson et al., "Efficient natural language response suggestion for smart reply", 2017,
       arXiv:1705.00652.
    """

    name = "search_encoder.v1"
    capabilities: ClassVar[Capabilities] = replace(FINE_TUNING, takes_objective=False)

    def fit(
        self, X: Any, y: Any, *, validation: tuple[Any, Any] | None = None, listener: Listener = ignore
    ) -> Self:
        """Fine-tune the base on queries and what answers them, and embed the collection.

        Without `validation` every epoch is trained; with it the one that ranks validation answers highest is kept.

        Parameters
        ----------
        X : texts
            Queries.
        y : sequence of str or of list of str
            The ids that answer each; an empty list: nothing does, and nothing is learned from the row.
        validation : (queries, ids), optional

        Raises
        ------
        EmptyDataError
            If no query has its answer in the collection.
        """
        queries = as_texts(X)
        collection = collection_of(self.collection, queries, y)
        known = known_pairs(collection, queries, y)
        if not known:
            raise EmptyDataError(
                f"{self.name} learns from queries and their answers, but none of the {len(queries):,} "
                "queries has an answer in the collection. Add matching rows, or leave this candidate out."
            )
        held = [] if validation is None else known_pairs(collection, as_texts(validation[0]), validation[1])
        encoder = self._encoder()
        encoder.fit_matches(known, validation=held or None, listener=listener)
        self.encoder_ = encoder
        vectors = as_kept(encoder.vectors(collection.texts))
        self.predictor_: RetrieveRerankPredictor = by_vectors(
            collection, encoder, vectors, top=self.top, name=self.name
        )
        self.chosen_params_: dict[str, Any] = {
            name: value for name, value in encoder.chosen_params_.items() if name in CHOSEN
        }
        self.facts_: dict[str, Any] = {**encoder.facts_, "texts": len(collection), "pairs": len(known)}
        return self

    def export(self, folder: Path) -> None:
        """Leave the files that `predictors.composite.retrieve_rerank` answers from, and a Hugging Face folder."""
        check_is_fitted(self)
        save_search(folder, self.predictor_)
        self.encoder_.export(folder / RETRIEVER_FOLDER)
        bring_up(folder)

    def measure(self, X: Any, y: Any = None, *, n_batches: int = 3) -> Cost:
        """Time a few real batches of these queries and their answers; nothing is learned."""
        queries = as_texts(X)
        return self._encoder().measure(
            known_pairs(collection_of(self.collection, queries, y), queries, y), n_batches=n_batches
        )

    def _encoder(self) -> BiEncoder:
        settings = dict(SearchEncoderSettings.of(self))
        return BiEncoder(
            **{name: value for name, value in settings.items() if name in BiEncoderSettings.model_fields}
        )
