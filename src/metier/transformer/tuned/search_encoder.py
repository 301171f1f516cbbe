"""Search by meaning, taught: the base fine-tuned so that queries lie beside what answers them."""

from pathlib import Path
from typing import Any, ClassVar, Self

from sklearn.utils.validation import check_is_fitted

from metier.errors import EmptyDataError
from metier.predictors.composite.retrieve_rerank import (
    RETRIEVER_FOLDER,
    RetrieveRerankPredictor,
    as_kept,
    save_search,
)
from metier.progress import Listener, ignore
from metier.tasks.collection import Collection, collection_of, known_pairs
from metier.tasks.estimators import SearchMethod
from metier.tasks.method_contract import Capabilities, CostRank
from metier.text.given_texts import as_texts
from metier.training.training_cost import Cost
from metier.transformer.frozen.frozen_search import bring_up, by_vectors
from metier.transformer.tuned.bi_encoder import BiEncoder

# What a choice on validation settles; the head of pairs is none of a search.
CHOSEN = ("base", "stop_epoch")


class SearchEncoder(SearchMethod):
    """A pretrained encoder fine-tuned on queries and what answers them, every other text of the batch held against
    it [1]_; searches by the cosine of vectors.

    Learns what belongs together here: how customers ask and how the help desk answers. With fewer than some
    hundred pairs `FrozenSearch` is as good and takes seconds.

    Parameters
    ----------
    collection : Collection, default=None
        What is searched; None: the texts that are learned from, by their targets.
    base : str, default="auto"
        A folder, a known short name, a hub name; `auto` picks by the language of the texts.
    top : int, default=10
        Most matches in an answer.
    epochs, stop_epoch, learning_rate, token_budget, patience, time_limit_minutes, checkpoint_folder
        As of `BiEncoder`.
    precision : {"auto", "fp32", "int8"}, default="auto"
        Of the exported encoder; `auto` keeps fp32, for no label is there to prove INT8 on.
    random_state : int, default=0

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
    capabilities: ClassVar[Capabilities] = Capabilities(
        cost=CostRank.FINE_TUNED, needs_base=True, trains_together=True
    )

    def __init__(
        self,
        *,
        collection: Collection | None = None,
        base: str = "auto",
        top: int = 10,
        epochs: int = 3,
        stop_epoch: int | None = None,
        learning_rate: float | None = None,
        token_budget: int = 2048,
        patience: int | None = None,
        time_limit_minutes: float | None = None,
        checkpoint_folder: str | Path | None = None,
        precision: str = "auto",
        random_state: int = 0,
    ):
        self.collection = collection
        self.base = base
        self.top = top
        self.epochs = epochs
        self.stop_epoch = stop_epoch
        self.learning_rate = learning_rate
        self.token_budget = token_budget
        self.patience = patience
        self.time_limit_minutes = time_limit_minutes
        self.checkpoint_folder = checkpoint_folder
        self.precision = precision
        self.random_state = random_state

    def fit(
        self, X: Any, y: Any, *, validation: tuple[Any, Any] | None = None, listener: Listener = ignore
    ) -> Self:
        """Fine-tune the base on queries and what answers them, and embed the collection.

        Without `validation` every epoch is trained; with it the one that ranks unseen answers highest is kept.

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
        seen = known_pairs(collection, queries, y)
        if not seen:
            raise EmptyDataError(
                f"{self.name} learns from queries and what answers them, and none of {len(queries):,} queries has "
                "an answer in the collection. Add rows that match, or leave this candidate out."
            )
        unseen = [] if validation is None else known_pairs(collection, as_texts(validation[0]), validation[1])
        encoder = self._encoder()
        encoder.fit_matches(seen, validation=unseen or None, listener=listener)
        self.encoder_ = encoder
        vectors = as_kept(encoder.vectors(collection.texts))
        self.predictor_: RetrieveRerankPredictor = by_vectors(
            collection, encoder, vectors, top=self.top, name=self.name
        )
        self.chosen_params_: dict[str, Any] = {
            name: value for name, value in encoder.chosen_params_.items() if name in CHOSEN
        }
        self.facts_: dict[str, Any] = {**encoder.facts_, "texts": len(collection), "pairs": len(seen)}
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
        return BiEncoder(
            base=self.base,
            epochs=self.epochs,
            stop_epoch=self.stop_epoch,
            learning_rate=self.learning_rate,
            token_budget=self.token_budget,
            patience=self.patience,
            time_limit_minutes=self.time_limit_minutes,
            checkpoint_folder=self.checkpoint_folder,
            precision=self.precision,
            random_state=self.random_state,
        )
