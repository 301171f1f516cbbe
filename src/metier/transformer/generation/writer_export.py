"""What a tuned writer is answered from: graphs where they are the model, else torch, and why."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from metier.bases.generative_bases import save_language_model
from metier.export.generation_export import Tokens, export_fault, export_writer
from metier.export.sentencepiece_vocabulary import tokenizer_fault
from metier.predictors.loading import write_settings
from metier.predictors.onnx.graph_session import TOKENIZER_FILE
from metier.transformer.generation.answer_rules import answer_settings, end_ids, rules_fault
from metier.transformer.generation.generation_examples import Encoding
from metier.transformer.generation.torch_generation import HUGGING_FACE_FOLDER, KIND


def export_answering(
    model: Any,
    encoding: Encoding,
    folder: Path,
    *,
    settings: Mapping[str, Any],
    precision: str,
    check: Tokens,
    texts: Sequence[str],
) -> dict[str, Any]:
    """Leave the model as transformers loads it, in `huggingface/`, and the files that answer.

    Parameters
    ----------
    model : PreTrainedModel
        In evaluation mode.
    encoding : Encoding
        How its rows were written.
    settings : mapping
        `predictor.json`: name, prompt, decoding; of an encoder-decoder that answered before its token_rules, too.
    precision : {"auto", "fp32", "int8"}
    check : (prompts, answers)
        Token ids that graphs, and 8 bits, have to prove themselves on.
    texts : sequence of str
        Of the rows, that a tokenizer written anew has to read as the base's own does.

    Returns
    -------
    dict
        `precision` ("torch" where torch answers) and `why`; of graphs also how they were checked.
    """
    save_language_model(model, encoding.tokenizer, folder / HUGGING_FACE_FOLDER)
    fault = (
        export_fault(model.config)
        or rules_fault(model)
        or tokenizer_fault(encoding.base.folder, encoding.codec, texts)
    )
    if not fault:
        kept = {**settings, "end_ids": end_ids(model, encoding.end_id)}
        if encoding.base.is_encoder_decoder and "token_rules" not in kept:
            kept |= answer_settings(model, settings["decoding"])
        tokenizer = encoding.base.folder / TOKENIZER_FILE
        exported = export_writer(model, tokenizer, folder, settings=kept, precision=precision, check=check)
        fault = exported.fault
    if fault:
        write_settings(folder, {**settings, "kind": KIND})
        return {"precision": "torch", "why": f"answered by torch: {fault}"}
    return exported.report
