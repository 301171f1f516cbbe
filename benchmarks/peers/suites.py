"""Which sides are compared on which rows."""

from dataclasses import dataclass, field, replace
from typing import Any


@dataclass(frozen=True)
class Side:
    """A program of this folder and what it is asked; `epochs` of None is the suite's, `peer` names its environment."""

    program: str
    options: dict[str, Any] = field(default_factory=dict)
    epochs: int | None = None
    peer: str | None = None


@dataclass(frozen=True)
class Suite:
    """Sides that are compared; the last is ours. `per_class` draws so many rows of each label, else `rows` in all.

    `data` is the name of a set with images, of which every side reads the columns `reads`.
    """

    sides: dict[str, Side]
    rows: int | None = None
    per_class: int | None = None
    epochs: int = 1
    validation_rows: int = 1_000
    test_rows: int = 3_080
    data: str | None = None
    reads: tuple[str, ...] = ("text",)


TUTORIAL = Side("hugging_face_trainer", {"manner": "tutorial"})
BEST = Side("hugging_face_trainer", {"manner": "best"})
ENCODER = Side("ours", {"method": "encoder.v1"})
# Its 20 epochs in batches of 128 are 60 steps here. Ten in batches of 32 are 95, for half the work.
MORE_STEPS = {"optim.max_epochs": 10, "env.batch_size": 32, "optim.val_check_interval": 1.0}
AUTOGLUON = Side("autogluon_columns", peer="autogluon")
AUTOGLUON_MORE_STEPS = Side("autogluon_columns", {"hyperparameters": MORE_STEPS}, peer="autogluon")
WHOLE = Side("ours_run", {"budget": "3h"})
FEW = {
    "SetFit": Side("setfit", {"num_iterations": 5}, epochs=1),
    "frozen_linear.v1": Side("ours", {"method": "frozen_linear.v1", "validate": False}),
    "few_shot.v1": Side("ours", {"method": "few_shot.v1", "validate": False}),
}
SUITES = {
    "fine_tuning": Suite(
        {
            "Trainer, tutorial": TUTORIAL,
            "Trainer, best": BEST,
            "AutoGluon-MultiModal": Side("autogluon"),
            "encoder.v1": ENCODER,
        },
        rows=256,
        validation_rows=200,
        test_rows=500,
    ),
    "fine_tuning_more_rows": Suite(
        {
            "Trainer, best": BEST,
            "encoder.v1, top:2": Side("ours", {"method": "encoder.v1", "arguments": {"adaptation": "top:2"}}),
            "encoder.v1": ENCODER,
        },
        rows=2_048,
        validation_rows=200,
        test_rows=3_080,
    ),
    "time_to_accuracy": Suite(
        {
            # Its head starts at random: at the default rate and three epochs it would be far from done.
            "Trainer, best": replace(
                BEST, options={**BEST.options, "evaluations": 1, "learning_rate": 2e-4}, epochs=8
            ),
            "frozen_linear.v1": Side("ours", {"method": "frozen_linear.v1"}),
            "encoder.v1": replace(ENCODER, epochs=3),
        },
        rows=2_003,
        validation_rows=500,
        test_rows=1_000,
    ),
    "embedding": Suite(
        {"sentence-transformers": Side("sentence_transformers"), "embed": Side("ours", {"method": "embed"})},
        rows=2_048,
        test_rows=500,
    ),
    "classical": Suite(
        {
            "scikit-learn": Side("scikit_learn"),
            "tfidf_linear.v1": Side("ours", {"method": "tfidf_linear.v1"}),
            "frozen_linear.v1": Side("ours", {"method": "frozen_linear.v1"}),
        },
        rows=9_003,
    ),
    "few_shot_8": Suite(FEW, per_class=8),
    "few_shot_16": Suite(FEW, per_class=16),
    "text_with_image": Suite(
        {
            "AutoGluon, more steps": AUTOGLUON_MORE_STEPS,
            "joint.v1": Side("ours_run", {"budget": "3h", "candidates": ["joint.v1"]}),
            "metier train": WHOLE,
        },
        rows=300,
        validation_rows=300,
        test_rows=300,
        data="healthicons",
        reads=("text", "image"),
    ),
    "titles": Suite(
        {"AutoGluon": AUTOGLUON, "AutoGluon, more steps": AUTOGLUON_MORE_STEPS, "metier train": WHOLE},
        rows=300,
        validation_rows=300,
        test_rows=300,
        data="healthicons",
    ),
    "photographs": Suite(
        {"AutoGluon, more steps": AUTOGLUON_MORE_STEPS, "metier train": WHOLE},
        rows=400,
        validation_rows=200,
        test_rows=400,
        data="grocery_store",
        reads=("image",),
    ),
}
OURS = {"ours", "ours_run"}  # Programs that run where this one does.
