"""The methods by their versioned names. A plug-in adds rows through the entry point group `metier.methods`.

A default that changes gets a new version; the old row stays, so an old run can be repeated.
"""

import json
import pkgutil
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from metier.errors import CallError, MissingExtraError, UnknownNameError
from metier.fusion.ensemble import ENSEMBLES, ensemble_factory, ensembles
from metier.plug_ins import check_parts, load_plug_in, plug_ins
from metier.tasks.method_contract import Capabilities, CostRank, StatesCapabilities

METHODS = {
    "majority.v1": "metier.classical.baselines:Majority",
    "tfidf_linear.v1": "metier.classical.tfidf_linear:TfidfLinear",
    "static.v1": "metier.transformer.frozen.static:Static",
    "frozen_linear.v1": "metier.transformer.frozen.frozen_method:FrozenLinear",
    "frozen_image.v1": "metier.multimodal.frozen_image:FrozenImage",
    "image_encoder.v1": "metier.multimodal.image_encoder:ImageEncoder",
    "joint.v1": "metier.multimodal.joint:Joint",
    "joint_gated.v1": "metier.multimodal.joint:JointGated",
    "joint_bilinear.v1": "metier.multimodal.joint:JointBilinear",
    "joint_attention.v1": "metier.multimodal.joint:JointAttention",
    "joint_label_sets.v1": "metier.multimodal.joint:JointLabelSets",
    "joint_ridge.v1": "metier.multimodal.joint:JointRidge",
    "joint_pair.v1": "metier.multimodal.joint_pair:JointPair",
    "frozen_speech.v1": "metier.multimodal.frozen_speech:FrozenSpeech",
    "speech_lora.v1": "metier.multimodal.speech_lora:SpeechLora",
    "joint_encoder.v1": "metier.multimodal.joint_encoder:JointEncoder",
    "few_shot.v1": "metier.transformer.frozen.few_shot:FewShot",
    "self_training.v1": "metier.transformer.unlabelled.self_training:SelfTraining",
    "encoder.v1": "metier.transformer.tuned.encoder:Encoder",
    "consistency_encoder.v1": "metier.transformer.unlabelled.consistency_encoder:ConsistencyEncoder",
    "pretrained_encoder.v1": "metier.transformer.unlabelled.pretrained_encoder:PretrainedEncoder",
    "soup.v1": "metier.transformer.tuned.soup:Soup",
    "relation_linear.v1": "metier.classical.relation_linear:RelationLinear",
    "relation_syntax.v1": "metier.classical.relation_linear:RelationSyntax",
    "tfidf_knowledge.v1": "metier.classical.with_knowledge:TfidfKnowledge",
    "relation_knowledge.v1": "metier.classical.with_knowledge:RelationKnowledge",
    "pair_linear.v1": "metier.classical.pair_linear:PairLinear",
    "dictionary_tagger.v1": "metier.classical.dictionary_tagger:DictionaryTagger",
    "crf.v1": "metier.classical.crf:Crf",
    "crf_syntax.v1": "metier.classical.crf:CrfSyntax",
    "passage_phrase.v1": "metier.classical.passage_phrase:PassagePhrase",
    "reader.v1": "metier.transformer.tuned.reader:Reader",
    "token_encoder.v1": "metier.transformer.tuned.token_encoder:TokenEncoder",
    "relation_encoder.v1": "metier.transformer.tuned.relation_encoder:RelationEncoder",
    "frozen_pair.v1": "metier.transformer.frozen.frozen_method:FrozenPair",
    "bi_encoder.v1": "metier.transformer.tuned.bi_encoder:BiEncoder",
    "cross_encoder.v1": "metier.transformer.tuned.encoder:CrossEncoder",
    "label_frequencies.v1": "metier.classical.baselines:LabelFrequencies",
    "many_labels_linear.v1": "metier.classical.many_labels_linear:ManyLabelsLinear",
    "frozen_many_labels.v1": "metier.transformer.frozen.frozen_method:FrozenManyLabels",
    "frozen_image_labels.v1": "metier.multimodal.frozen_image:FrozenImageLabels",
    "image_labels_encoder.v1": "metier.multimodal.image_encoder:ImageLabelsEncoder",
    "many_labels_encoder.v1": "metier.transformer.tuned.many_labels_encoder:ManyLabelsEncoder",
    "ridge.v1": "metier.classical.ridge:TfidfRidge",
    "frozen_ridge.v1": "metier.transformer.frozen.frozen_method:FrozenRidge",
    "frozen_image_ridge.v1": "metier.multimodal.frozen_image:FrozenImageRidge",
    "image_score_encoder.v1": "metier.multimodal.image_encoder:ImageScoreEncoder",
    "score_encoder.v1": "metier.transformer.tuned.score_encoder:ScoreEncoder",
    "ordinal_logistic.v1": "metier.classical.ordinal_logistic:OrdinalLogistic",
    "image_grades_encoder.v1": "metier.multimodal.image_encoder:ImageGradesEncoder",
    "corn_encoder.v1": "metier.transformer.tuned.corn_encoder:CornEncoder",
    "pseudo_labels.v1": "metier.selection.unlabelled.pseudo_labels:PseudoLabels",
    "domain_pretraining.v1": "metier.selection.unlabelled.tuned_by_unlabelled:DomainPretraining",
    "consistency.v1": "metier.selection.unlabelled.tuned_by_unlabelled:Consistency",
    "zero_shot.v1": "metier.transformer.frozen.zero_shot:ZeroShot",
    "prompted.v1": "metier.transformer.generation.prompted:Prompted",
    "endpoint.v1": "metier.classical.endpoint:Endpoint",
    "lead.v1": "metier.classical.extracted_sentences:Lead",
    "textrank.v1": "metier.classical.extracted_sentences:TextRank",
    "best_sentence.v1": "metier.classical.extracted_sentences:BestSentence",
    "nearest_reply.v1": "metier.classical.nearest_reply:NearestReply",
    "dictionary_translation.v1": "metier.classical.dictionary_translation:DictionaryTranslation",
    "sentence_ranker.v1": "metier.transformer.frozen.sentence_ranker:SentenceRanker",
    "generator.v1": "metier.transformer.generation.generator:Generator",
    "pretrained_generator.v1": "metier.transformer.unlabelled.pretrained_generator:PretrainedGenerator",
    "searched.v1": "metier.selection.search.searched:Searched",
    "popularity.v1": "metier.classical.popularity:Popularity",
    "bm25.v1": "metier.classical.bm25_search:Bm25Search",
    "frozen_search.v1": "metier.transformer.frozen.frozen_search:FrozenSearch",
    "aligned_linear.v1": "metier.multimodal.aligned_linear:AlignedLinear",
    "aligned.v1": "metier.multimodal.aligned:Aligned",
    "aligned_encoder.v1": "metier.multimodal.aligned_encoder:AlignedEncoder",
    "search_encoder.v1": "metier.transformer.tuned.search_encoder:SearchEncoder",
    "frequent_relation.v1": "metier.classical.frequent_relation:FrequentRelation",
    "frequent_triples.v1": "metier.selection.triples_pipeline:FrequentTriples",
    "triples_pipeline.v1": "metier.selection.triples_pipeline:TriplesPipeline",
    "average.v1": "metier.fusion.average:Average",
    "cascade.v1": "metier.fusion.cascade:Cascade",
    "vote.v1": "metier.fusion.vote:Vote",
    "span_rules.v1": "metier.fusion.span_rules:TaggerWithRules",
    "retrieve_rerank.v1": "metier.fusion.retrieve_rerank:RetrieveRerank",
}

SEARCH, DISTILLATION = "searched.v1", "distilled.v1"  # What `--search` and `--distil` add to the candidates.
# Ensembles that are built only from the candidates of a run, and are not estimators.
RUN_ENSEMBLES = tuple(name for name in ENSEMBLES if name not in METHODS)

PLUG_INS = "metier.methods"
LISTED = "listed_methods.json"  # Beside this file.
# What a run calls of a method; a scikit-learn estimator has all but the export.
PARTS = ("fit", "predict", "export", "get_params", "set_params", "_get_param_names")

# What needs a base: ways of making training rows, and of asking it how likely sentences are.
WAYS = {
    "answer_likelihood": "metier.transformer.generation.answer_likelihood:AnswerLikelihood",
    "consistent_answers": "metier.transformer.unlabelled.consistent_answers:held_to_consistent_answers",
    "masked_pretraining": "metier.transformer.unlabelled.masked_pretraining:pretrain_on",
    "masked_substitution": "metier.transformer.unlabelled.masked_substitution:masked_substitution",
    "preference_tuner": "metier.transformer.generation.preference_tuner:PreferenceTuner",
    "pair_likelihood": "metier.transformer.unlabelled.sentence_likelihood:PairLikelihood",
    "target_likelihood": "metier.transformer.generation.target_likelihood:TargetLikelihood",
    "word_neighbours": "metier.transformer.unlabelled.word_neighbours:word_neighbours",
}

# A method whose import fails for want of one of these is missing an extra, not broken.
EXTRAS = {
    "torch": "train",
    "transformers": "train",
    "accelerate": "train",
    "peft": "train",
    "model2vec": "train",
    "onnx": "train",
    "optuna": "train",
}


# Packages of ours whose methods need an extra; no other method of ours does.
EXTRA_OF_PACKAGE = {
    "metier.transformer.": "train",
    "metier.multimodal.": "train",
    "metier.selection.search.": "train",
}


def extra_of(name: str) -> str | None:
    """Give the extra that a method of ours needs; None where it needs none, or is of a plug-in."""
    where = METHODS.get(full_name(name), "")
    return next((extra for package, extra in EXTRA_OF_PACKAGE.items() if where.startswith(package)), None)


def names() -> list[str]:
    """Every known versioned name: ours in the order of their cost, then the plug-ins'."""
    return [
        *METHODS,
        *RUN_ENSEMBLES,
        *(name for name in plug_ins(PLUG_INS) if name not in METHODS),
        *(name for name in ensembles() if name not in ENSEMBLES),
    ]


def resolve(name: str) -> Any:
    """Give the class of a method by its versioned name; a name without a version means its newest.

    Raises
    ------
    UnknownNameError
        If no method has that name.
    MissingExtraError
        If the method needs parts that are not installed.
    PlugInError
        If it is of a plug-in, and broken.
    """
    full = full_name(name)
    if full in ensembles() and full not in METHODS:
        raise CallError(
            f"{full} is made of a run's candidates and cannot be built alone. Name it in --candidates."
        )
    if full in METHODS:
        return _load(METHODS[full], f"The method {full}")
    return load_plug_in(PLUG_INS, full, parts=PARTS)


def resolve_way(name: str) -> Any:
    """Give the function of a row of `WAYS`; raises MissingExtraError where it needs parts that are not installed."""
    return _load(WAYS[name], f"The augmentation {name}")


def _load(dotted: str, what: str) -> Any:
    try:
        return pkgutil.resolve_name(dotted)
    except ModuleNotFoundError as error:
        extra = EXTRAS.get((error.name or "").partition(".")[0])
        if extra is None:
            raise
        raise MissingExtraError(what, extra=extra) from None


def capabilities(name: str) -> Capabilities:
    """Give what a method states about itself; raises as `resolve` does."""
    full = full_name(name)
    if full in ensembles() and full not in METHODS:
        if full not in ENSEMBLES:
            ensemble_factory(full)  # One that is broken is refused before any work.
        return Capabilities(cost=CostRank.ENSEMBLE)
    method = resolve(full)
    # A plug-in written before methods stated anything is as good as a classical one.
    if not isinstance(method, StatesCapabilities):
        return Capabilities()
    if full not in METHODS:
        check_parts(method.capabilities, PLUG_INS, full, vars(Capabilities()))
    return method.capabilities


@cache
def listed() -> Mapping[str, Mapping[str, Any]]:
    """What lists tell of our methods: `line`, `capabilities` and `settings`, each name, type and meaning.

    It stands in a file that `scripts/method_pages.py` writes, since to ask the methods is to import torch; a test
    compares the two.
    """
    found: dict[str, dict[str, Any]] = json.loads(files("metier").joinpath(LISTED).read_text("utf-8"))
    return found


def stated(name: str) -> Capabilities:
    """Give `capabilities` for a list: a method of ours is not imported; raises as `resolve` does for any other."""
    kept = listed().get(full_name(name))
    if kept is None:
        return capabilities(name)
    values: dict[str, Any] = {
        key: tuple(one) if isinstance(one, list) else one for key, one in kept["capabilities"].items()
    }
    return Capabilities(**{**values, "cost": CostRank(values["cost"])})


def is_ensemble(name: str) -> bool:
    """Whether a candidate is made of others once these are trained."""
    return full_name(name) in ensembles()


def full_name(name: str) -> str:
    """Give the versioned name for a name with or without its version."""
    known = names()
    if name in known:
        return name
    versions = [candidate for candidate in known if candidate.rpartition(".v")[0] == name]
    if not versions:
        raise UnknownNameError("method", name, known=known)
    return max(versions, key=lambda candidate: int(candidate.rpartition(".v")[2]))
