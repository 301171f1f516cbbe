"""A trained encoder and its head as a predictor: an ONNX graph, what is around it, and a Hugging Face folder beside it.

One template for every method with an encoder: `Exported` says what is particular to one, and the rest follows from the
kind of predictor (`predictors.onnx.graph_predictor`).
"""

import functools
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import jinja2
import numpy as np
import torch
from safetensors.numpy import save_file
from tokenizers import Tokenizer

from metier.bases.base import Base
from metier.bases.huggingface_folder import save_encoder
from metier.bases.known_bases import cutter_of, load_tokenizer
from metier.export.onnx_graph import PooledEncoder, quantize, write_module
from metier.export.precision_choice import (
    EquivalenceCheck,
    ExportReport,
    check_precision,
    choose_precision,
    evenly,
)
from metier.features.tokenization import read_tokenizer
from metier.predictors.loading import write_settings
from metier.predictors.onnx.graph_kinds import GRAPH_KINDS
from metier.predictors.onnx.graph_predictor import GraphPredictor
from metier.predictors.onnx.graph_session import (
    HEAD_FILE,
    MODEL_FILE,
    TOKENIZER_FILE,
    GraphParts,
    OnnxGraph,
    further_graphs,
)
from metier.tasks.answers import Decoder

HUGGING_FACE_FOLDER = "huggingface"
SAMPLED_ROWS = 128  # To see how large activations become.


@dataclass(frozen=True)
class Exported:
    """What a predictor is made of.

    Parameters
    ----------
    kind : str
        Of the predictor: a row of `predictors.onnx.graph_kinds.GRAPH_KINDS`.
    name : str
        Versioned name of the method.
    base : Base
        Where the encoder came from: prefix, longest text.
    module : Module
        Takes `input_ids` and `attention_mask` alone, gives one Tensor, and holds the encoder as `encoder`.
    decoder : Decoder
        What makes answers of logits; its settings go into `predictor.json`.
    head : mapping of str to ndarray, optional
        Arrays that the predictor applies to what the graph gives; none where the graph gives logits itself.
    settings : mapping, optional
        What else the kind of predictor keeps in `predictor.json`.
    tokenizer : Tokenizer, optional
        Cuts texts, pads none; None: the base's own.
    """

    kind: str
    name: str
    base: Base
    module: torch.nn.Module
    decoder: Decoder
    head: Mapping[str, np.ndarray] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    tokenizer: Tokenizer | None = None

    @property
    def encoder(self) -> Any:
        """The pretrained model within the module."""
        return self.module.encoder

    @cached_property
    def arrays(self) -> dict[str, np.ndarray]:
        """The head as it is written."""
        return {name: np.ascontiguousarray(array, np.float32) for name, array in self.head.items()}

    @cached_property
    def predictor_settings(self) -> dict[str, Any]:
        """What `predictor.json` keeps, but for the precision."""
        return {
            "kind": self.kind,
            "name": self.name,
            **self.decoder.settings(),
            "prefix": self.base.prefix,
            "max_length": self.base.max_length,
            "pad_id": int(self.encoder.config.pad_token_id or 0),
            **self.settings,
        }

    def write_reading(self, folder: Path) -> Tokenizer:
        """Write the tokenizer, and give it as the predictor will read it."""
        self._tokenizer.save(str(folder / TOKENIZER_FILE), pretty=False)
        return read_tokenizer(folder / TOKENIZER_FILE, max_length=self.base.max_length)

    def write_graph(self, path: Path) -> None:
        """Write the fp32 graph."""
        write_module(self.module, self.encoder.config, path)

    def write_int8(self, source: Path, path: Path, sample: Sequence[Sequence[int]]) -> None:
        """Write the INT8 graph; the sample is token ids."""
        quantize(source, path, rows=sample)

    def write_plain(self, folder: Path) -> None:
        """Write encoder, tokenizer and head as a folder in Hugging Face layout."""
        settings = self.predictor_settings
        save_encoder(
            self.encoder,
            self.base,
            folder,
            tokenizer=self._tokenizer,
            head=self.arrays,
            labels=settings["labels"],
            temperature=settings.get("temperature", 1.0),
            readme=plain_readme(settings, has_head=bool(self.arrays)),
        )

    @cached_property
    def _tokenizer(self) -> Tokenizer:
        return self.tokenizer or load_tokenizer(self.base)


class ExportedGraph(Protocol):
    """What a predictor is made of, whatever its graph takes.

    Attributes
    ----------
    decoder : Decoder
    arrays : dict of str to ndarray
        The head as it is written; empty where the graph gives logits itself.
    predictor_settings : dict
        What `predictor.json` keeps, but for the precision.
    """

    @property
    def arrays(self) -> dict[str, np.ndarray]:
        """The head as it is written."""
        ...

    @property
    def predictor_settings(self) -> dict[str, Any]:
        """What `predictor.json` keeps, but for the precision."""
        ...

    def write_reading(self, folder: Path) -> Any:
        """Write what reads items for the graph, and give it as `GraphParts` has it; None where nothing does."""
        ...

    def write_graph(self, path: Path) -> None:
        """Write the fp32 graph."""
        ...

    def write_int8(self, source: Path, path: Path, sample: Sequence[Any]) -> None:
        """Write the INT8 graph of an fp32 one; the sample shows how large activations become."""
        ...

    def write_plain(self, folder: Path) -> None:
        """Write a folder in Hugging Face layout, which can be a base again."""
        ...


def export_graph(
    exported: ExportedGraph,
    folder: Path,
    *,
    check: EquivalenceCheck | None = None,
    sample: Sequence[Any] = (),
    precision: str = "auto",
    typical: Sequence[Any] = (),
) -> ExportReport:
    """Write the files that an encoder of any task answers from, in the precision that is proved the better.

    Parameters
    ----------
    folder : Path
        Gets `model.onnx`, what reads items (`tokenizer.json`), `head.safetensors`, `predictor.json` and `huggingface/`.
    check : EquivalenceCheck, optional
        Rows that INT8 has to prove itself on; without them `auto` keeps fp32.
    sample : sequence
        Typical rows as the graph is fed with them (token ids, images), to see how large activations become.
    precision : {"auto", "fp32", "int8"}
        `fp32` is written without a comparison, and `int8` unless it answers typical rows otherwise.
    typical : sequence
        Rows without labels, as the predictor takes them.
    """
    check_precision(precision)
    folder.mkdir(parents=True, exist_ok=True)
    served = exported.write_reading(folder)
    with tempfile.TemporaryDirectory(dir=folder, prefix=".export-") as beside:
        graphs = {kind: Path(beside, f"{kind}.onnx") for kind in ("fp32", "int8")}
        exported.write_graph(graphs["fp32"])
        began = time.perf_counter()
        # Rounding well takes most of an export's time: not where so few rows could never prove it equal.
        if precision == "int8" or (precision == "auto" and check is not None and check.can_prove):
            exported.write_int8(graphs["fp32"], graphs["int8"], evenly(sample, SAMPLED_ROWS))
        rounded = time.perf_counter()

        def build(graph: Path, precision: str, threads: int) -> GraphPredictor:
            """Make the predictor that the folder will hold, of a graph that still lies elsewhere."""
            settings = exported.predictor_settings | {"precision": precision}
            opened = OnnxGraph.open(graph, settings, threads=threads)
            further = further_graphs(folder, settings, threads=threads)
            return GraphPredictor.of(GraphParts(opened, served, exported.arrays, settings, further))

        report = choose_precision(graphs, build, precision, check, typical=typical)
        needed = rounded if report.chosen == "int8" else began
        report = replace(report, choosing_seconds=round(time.perf_counter() - needed, 3))
        graphs[report.chosen].replace(folder / MODEL_FILE)
    if exported.arrays:
        save_file(exported.arrays, folder / HEAD_FILE)
    write_settings(
        folder, {**exported.predictor_settings, "precision": report.chosen, "export": asdict(report)}
    )
    exported.write_plain(folder / HUGGING_FACE_FOLDER)
    return report


def pooled(encoder: torch.nn.Module, base: Base, *, unit_length: bool = False) -> PooledEncoder:
    """Give the module of one vector a text, of length 1 where the base or the head wants it so."""
    return PooledEncoder(encoder, normalise=base.normalise or unit_length)


def sample_of(base: Base, rows: Sequence[Any]) -> list[list[int]]:
    """Give the token ids of typical texts or pairs, to see how large activations become."""
    return cutter_of(base).first(evenly(rows, SAMPLED_ROWS))


def typical_rows(rows: Sequence[Any]) -> Sequence[Any]:
    """Give some hundred of the rows to look at, evenly: files are often sorted by label."""
    return rows[:: max(1, len(rows) // SAMPLED_ROWS)]


def keep_report(method: Any, report: ExportReport) -> None:
    """Keep in a fitted method what its export measured, and the precision it chose.

    What validation decided holds for a refit on all rows too, which has no rows left to decide on.
    """
    method.chosen_params_["precision"] = report.chosen
    method.facts_["export"] = asdict(report)


TEMPLATES = Path(__file__).with_name("templates")


def plain_readme(settings: Mapping[str, Any], *, has_head: bool) -> str:
    """Give the page for a Hugging Face folder.

    Parameters
    ----------
    settings : mapping
        `predictor.json`: kind, and where the kind leaves it open reading and comparison.
    has_head : bool
        Whether the folder holds `head.safetensors`.
    """
    kind = GRAPH_KINDS[settings["kind"]]
    return _template().render(
        asked=kind.asked,
        fed=kind.fed or settings["reading"],
        ends_in=kind.ends_in if has_head or kind.ends_in != "label" else "cosine",
        comparison=settings.get("comparison", "difference"),
        has_head=has_head,
    )


@functools.cache
def _template() -> jinja2.Template:
    # The page is Markdown with Python in it: nothing is to be escaped.
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=False,  # noqa: S701
        keep_trailing_newline=True,
    )
    return environment.get_template("plain_readme.md.jinja")
