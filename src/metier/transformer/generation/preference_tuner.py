"""A writer that learns which answers are preferred: by pairs, by thumbs, or by a reward of what it samples itself.

What the model was before is the model with the low-rank matrices at zero, so no second model stands in memory: its
likelihoods are computed once, before the first step, over states of the frozen layers that are kept for all that follows.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
import transformers
from pydantic import Field

from metier.bases.adaptation import faults_of, parse_adaptation
from metier.bases.adaptation.low_rank import TunedParts
from metier.bases.generative_bases import (
    load_codec,
    resolve_generative_base,
    working_dtype,
)
from metier.bases.huggingface_folder import quiet_transformers
from metier.bases.precision import mixed_precision
from metier.errors import DataError, SettingsError
from metier.export.generation_export import CHECKED_ROWS
from metier.predictors.text.prompting import Prompts, PromptSettings
from metier.progress import Listener, ignore
from metier.tasks.generation import TextPairs
from metier.tasks.preferences import Preferences
from metier.training.answer_tuning import plan_of
from metier.training.encoder_settings import Precision, ScheduleSettings
from metier.training.learning_rate import decay_groups
from metier.training.loop import Loop, Outcome
from metier.training.objectives.objective import with_penalty
from metier.training.objectives.preference import dpo, ipo
from metier.training.objectives.rewarded import exponential_weights, policy_gradient, weighted_likelihood
from metier.transformer.generation.answer_rules import (
    answering_attention,
    begin_as_trained,
)
from metier.transformer.generation.compared_rows import PairRows, WeightedRows, encoded, likelihoods
from metier.transformer.generation.generation_examples import Encoding, build_encoding
from metier.transformer.generation.kept_states import kept_states
from metier.transformer.generation.packed_rows import PackedRows
from metier.transformer.generation.prepared_writer import prepare_writer
from metier.transformer.generation.sampled_rows import Rewards, SampledRows, writing
from metier.transformer.generation.torch_generation import HUGGING_FACE_FOLDER, KIND, TorchGenerationPredictor
from metier.transformer.generation.writer_export import export_answering

# Peaks for low-rank matrices in the upper layers. At 1e-4 a dozen steps over pairs changed nothing (docs/preferences.md).
LEARNING_RATES = {"dpo": 5e-4, "reward_weighted": 5e-4, "reinforce": 1e-4}
FIRST_PROMPTS = 8  # On which a reward is tried before anything is learned.
NOT_COPIED = ("kind", "precision", "export", "end_ids")  # Of `predictor.json`: said anew by what is written.


class PreferenceSettings(ScheduleSettings):
    """What learning from preferences can be set to."""

    by: Literal["dpo", "reward_weighted", "reinforce"] = Field(
        "dpo", description="How preferences are learned; see docs/preferences.md."
    )
    adaptation: str = Field("lora:16", description="Low-rank matrices: `lora:16`, `adalora:16`.")
    epochs: int = Field(2, ge=1, description="Passes over the pairs, answers or prompts.")
    learning_rate: float | None = Field(
        None, gt=0, description="Peak learning rate; None: 5e-4, of reinforce 1e-4."
    )
    token_budget: int = Field(2048, ge=1, description="Tokens of a batch: of pairs, answers, or all samples.")
    upper_layers: int | None = Field(
        None, ge=1, description="Layers of a causal model that train, from the top; None: a fifth of them."
    )
    beta: float = Field(0.1, gt=0, description="dpo: how strongly the model is held to what it was.")
    label_smoothing: float = Field(
        0.0, ge=0, lt=0.5, description="dpo: share of the pairs that may be the wrong way round (cDPO)."
    )
    loss: Literal["sigmoid", "ipo"] = Field(
        "sigmoid", description="dpo: its own loss, or the squared one of IPO."
    )
    reward_temperature: float = Field(
        0.5, gt=0, description="reward_weighted: near 0 the best answers alone are learned."
    )
    samples: int = Field(4, ge=1, description="reinforce: answers that are sampled for each prompt.")
    sampling_temperature: float = Field(1.0, gt=0, description="reinforce: of the samples.")
    baseline: Literal["leave_one_out", "moving"] = Field(
        "leave_one_out", description="reinforce: what an answer has to be better than."
    )
    kl_weight: float = Field(
        0.05, ge=0, description="reinforce: what a nat away from the model as it was takes off a reward."
    )
    context: int = Field(1024, ge=1, description="Tokens of prompt and answer, where a plain base is tuned.")
    precision: Precision = Field("auto", description="Precision of an exported model, as of generator.v1.")

    @classmethod
    def misfits(cls, values: Mapping[str, Any]) -> list[str]:
        """Say which values do not go with one another."""
        faults, adaptation = super().misfits(values), str(values["adaptation"])
        if adaptation.partition(":")[0] in ("lora", "adalora"):
            faults += faults_of(adaptation)
        else:
            faults.append(
                f"adaptation is {adaptation!r}, and what the model was has to be there beside what it learns. Use 'lora:16'"
            )
        if values["baseline"] == "leave_one_out" and values["samples"] == 1:
            faults.append(
                "samples is 1, and leave_one_out needs another one to compare with. Use baseline 'moving'"
            )
        return faults


class PreferenceTuner:
    """A writer that is tuned to preferences.

    Parameters
    ----------
    encoding : Encoding
        How the model is asked.
    answering : mapping
        `predictor.json`: name, task, prompt, decoding.
    settings : PreferenceSettings
    """

    def __init__(self, encoding: Encoding, answering: Mapping[str, Any], settings: PreferenceSettings):
        self.settings, self._encoding = settings, encoding
        self._answering = {name: value for name, value in answering.items() if name not in NOT_COPIED}

    @staticmethod
    def settings_of(values: Mapping[str, Any]) -> PreferenceSettings:
        """Check settings; raises `SettingsError` with all faults."""
        faults = PreferenceSettings.faults(values)
        if faults:
            raise SettingsError(faults, origin="The settings of learning preferences")
        return PreferenceSettings(**values)

    @classmethod
    def of_bundle(
        cls, folder: Path, answering: Mapping[str, Any], settings: PreferenceSettings
    ) -> "PreferenceTuner":
        """Start from a writer that was trained: the folder of its bundle, with `huggingface/` in it."""
        base = resolve_generative_base(str(folder / HUGGING_FACE_FOLDER))
        codec = load_codec(base.folder)
        with quiet_transformers():
            tokenizer = transformers.AutoTokenizer.from_pretrained(
                base.folder, local_files_only=True, trust_remote_code=False
            )
        decoding = answering["decoding"]
        encoding = Encoding(
            base,
            tokenizer,
            codec,
            Prompts(PromptSettings.of(answering["prompt"]), codec),
            decoding["max_new_tokens"],
            decoding["no_repeat_ngram"],
            int(tokenizer.eos_token_id),
        )
        return cls(encoding, answering, settings)

    @classmethod
    def of_base(
        cls, name: str, task: Mapping[str, Any], given: Preferences, settings: PreferenceSettings
    ) -> "PreferenceTuner":
        """Start from a base as it came, asked as `generator.v1` would ask it.

        Parameters
        ----------
        task : mapping
            Facts of the task: kind, language.
        given : Preferences
            Whose best answers say how long answers are.
        """
        base = resolve_generative_base(name)
        best = given.take(given.first_of_prompts)
        encoding = build_encoding(
            base,
            TextPairs(best.items, list(best.answers)),
            kind=task["kind"],
            language=task["language"],
            instruction=None,
            context=settings.context,
            max_new_tokens=None,
        )
        decoding = {"max_new_tokens": encoding.max_new_tokens, "no_repeat_ngram": encoding.no_repeat_ngram}
        prompt = vars(encoding.prompts.settings)
        answering = {
            "name": "generator.v1",
            "labels": [],
            "task": dict(task),
            "prompt": prompt,
            "decoding": decoding,
        }
        return cls(encoding, answering, settings)

    def prepare(self, learned: Preferences, held: Preferences, *, origin: str) -> None:
        """Make rows of what is learned and of what is held out, and load the model; raises before any work."""
        self._learned, self.learned, self.counts = encoded(self._encoding, learned, origin=origin)
        self._held, self.held, _ = encoded(self._encoding, held, origin=origin)
        if self.settings.by == "dpo" and not len(self.learned.pairs):
            raise DataError(
                f"{origin}: no prompt has both a good and a bad answer, so there are no pairs to compare. Learn from "
                "thumbs with --by reward_weighted."
            )
        n_rows = len(self.learned.pairs) if self.settings.by == "dpo" else len(self.learned)
        self._ready = prepare_writer(
            self._encoding.base,
            parse_adaptation(self.settings.adaptation),
            [self._learned, self._held],
            upper_layers=self.settings.upper_layers,
            n_steps=max(1, self.settings.epochs * n_rows),
            random_state=self.settings.random_state,
        )
        begin_as_trained(self._ready.writer.language_model, self._learned.answers[0])

    def answers(self, items: Sequence[Any]) -> list[str]:
        """Write an answer to each item, with the model as it is now."""
        with writing(self._ready.writer) as model:
            settings = {**self._answering, "kind": KIND}
            return list(
                TorchGenerationPredictor(model, self._encoding.codec, settings).predict(items).predicted
            )

    def learn(self, *, rewards: Rewards | None = None, listener: Listener = ignore) -> dict[str, Any]:
        """Learn, and give how that went; `before` and `after` hold mean log-likelihoods a token of held-out answers.

        Parameters
        ----------
        rewards : callable, optional
            For `reinforce`: gives sampled answers to prompts at these places of `prompts` their rewards.
        """
        ready, budget = self._ready, self.settings.token_budget
        with kept_states(ready.writer, ready.n_frozen, ready.parts, listener=listener) as are_kept:
            self.before = self._held_likelihoods()
            if self.settings.by != "reinforce":
                facts = self._learn_given(budget, listener)
                self.after = self._held_likelihoods()
        if self.settings.by == "reinforce":  # What is sampled is new each time, so no states are kept for it.
            assert rewards is not None
            facts = self._reinforce(rewards, listener)
            self.after = self._held_likelihoods()
        n_layers = ready.n_layers - ready.n_frozen
        return {
            **facts,
            "weights_trained": ready.n_trained,
            "layers_trained": n_layers,
            "frozen_states_kept": are_kept,
        }

    @property
    def prompts(self) -> Preferences:
        """One answer of each prompt that reinforcement samples answers to."""
        return self.learned.take(self.learned.first_of_prompts)

    def export(self, folder: Path) -> dict[str, Any]:
        """Leave the files that answer, as `generator.v1` does, the low-rank matrices merged into the weights.

        Gives what `export_answering` says of them.
        """
        ready, encoding, held = self._ready, self._encoding, self.held
        ready.adapted.merge()
        model = ready.writer.language_model.to(working_dtype(encoding.base)).eval()
        model.set_attn_implementation(answering_attention(model))
        prompts, answers = self._held.parted(CHECKED_ROWS)
        return export_answering(
            model,
            encoding,
            folder,
            settings=self._answering,
            precision=self.settings.precision,
            check=(prompts, [answer[: encoding.max_new_tokens] for answer in answers]),
            texts=[*(item for item in held.items if isinstance(item, str)), *held.answers],
        )

    def _held_likelihoods(self) -> np.ndarray:
        sums, lengths = likelihoods(
            self._ready.writer, self._ready.parts[1], token_budget=self.settings.token_budget
        )
        return sums / lengths

    def _learn_given(self, budget: int, listener: Listener) -> dict[str, Any]:
        rows, given = self._ready.parts[0], self.learned
        if self.settings.by == "dpo":
            reference, _ = likelihoods(self._ready.writer, rows, token_budget=budget)
            pairs = PairRows(rows, given.pairs, reference)
            objective: Any = (
                ipo(beta=self.settings.beta)
                if self.settings.loss == "ipo"
                else dpo(beta=self.settings.beta, label_smoothing=self.settings.label_smoothing)
            )
            return _facts(self._run(pairs, objective, listener))
        weights = exponential_weights(
            given.rewards, given.prompts, temperature=self.settings.reward_temperature
        )
        return _facts(self._run(WeightedRows(rows, weights), weighted_likelihood, listener))

    def _reinforce(self, rewards: Rewards, listener: Listener) -> dict[str, Any]:
        adapted, settings = self._ready.adapted, self.settings
        assert isinstance(adapted, TunedParts)
        prompts, _ = self._learned.parted(len(self._learned))
        sampled = SampledRows(
            self._ready.writer,
            self._encoding,
            [prompts[place] for place in self.learned.first_of_prompts],
            rewards,
            adapted.tuner.disable_adapter,
            samples=settings.samples,
            temperature=settings.sampling_temperature,
            kl_weight=settings.kl_weight,
            is_packed=isinstance(self._ready.parts[0], PackedRows),
            leaves_one_out=settings.baseline == "leave_one_out",
        )
        torch.manual_seed(settings.random_state)
        _check_varies(sampled)
        outcome = self._run(sampled, policy_gradient, listener)
        return {**_facts(outcome), "sampled": vars(sampled.spent)}

    def _run(self, rows: Any, objective: Any, listener: Listener) -> Outcome:
        ready, settings = self._ready, self.settings
        torch.manual_seed(settings.random_state)
        rate = settings.learning_rate or LEARNING_RATES[settings.by]
        return Loop(
            ready.writer,
            rows,
            groups=decay_groups(list(ready.writer.trained().values()), settings.weight_decay, rate),
            plan=plan_of(settings, rows),
            objective=with_penalty(objective, ready.adapted),
            hook=ready.adapted.hook,
            settings=settings.of_loop,
            mixed_precision=mixed_precision(),
            what="learning what is preferred",
            listener=listener,
        ).run()


def _check_varies(sampled: SampledRows) -> None:
    """Refuse a reward that is the same for all that is sampled first."""
    _, rewards = sampled.sampled(range(min(FIRST_PROMPTS, len(sampled))))
    if np.ptp(rewards) < 1e-9:
        raise DataError(
            f"The reward is {rewards.flat[0]:g} for each of {rewards.size} answers that were sampled first, so nothing can "
            "be learned from it. Take another --reward, more prompts, or a model that writes answers of which some are "
            "better."
        )


def _facts(outcome: Outcome) -> dict[str, Any]:
    return {
        "epochs": outcome.history,
        "steps": outcome.steps,
        "stopped_by": outcome.stopped_by,
        "seconds": outcome.seconds,
    }
