"""The ensemble of a run distilled into one encoder, at the cost of one encoder."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from metier.fusion.candidates import mean_ms
from metier.predictors.loading import load_predictor
from metier.progress import Progress
from metier.runs.run_folder import Entry
from metier.selection.comparison import Comparison
from metier.selection.execution.fitting import Job
from metier.selection.execution.refitting import Begun
from metier.selection.settings import arguments_of
from metier.tasks.answer_batches import Answers
from metier.tasks.method_contract import Method
from metier.tasks.task_table import known_task

# Half the labels, half the teacher, softened twofold: what Hinton et al. start from.
TEACHING = "distillation:0.5:2"
PLAIN_OBJECTIVE = "cross_entropy"
# What the trained student was planned or chose, and its own settings do not state.
TAKEN_OVER = ("base", "epochs", "C")


class Distilled:
    """Distillation: an encoder trained on the labels and on the probabilities of the most expensive ensemble [1]_.

    Requested with `--distil`, for classification. It costs another training of `encoder.v1`, which has to be among
    the candidates and whose settings it shares, and needs enough of the budget; prediction costs as much as one
    encoder.

    The members of the teacher were trained on these rows, so they are more confident than on new ones; softened,
    their probabilities still show which labels are similar.

    References
    ----------
    .. [1] Hinton, Vinyals and Dean, "Distilling the knowledge in a neural network", 2015, arXiv:1503.02531.
    """

    guarantee = None

    def __init__(self, name: str):
        self.name = name

    def build(self, comparison: Comparison) -> Entry:
        """Give the entry of the student: trained, or dropped with the reason."""
        before = comparison.run.entry(self.name)
        if before is not None:
            return before
        teacher, student = self._teacher(comparison), self._student(comparison)
        why = self._why_not(comparison, teacher, student)
        if why is not None or teacher is None or student is None:
            return Entry(self.name, status="dropped", why=why)
        job = self._job(comparison, teacher, student)
        comparison.listener(
            Progress(f"{self.name}: distilling {teacher.name} into {student.name}", 0, None, unit="")
        )
        fitted = comparison.fit(job)
        facts = {**fitted.facts, "teacher": teacher.name}
        entry = Entry(self.name, train_seconds=fitted.seconds, params=fitted.params, facts=facts)
        return comparison.measured(entry)

    def write(self, comparison: Comparison) -> None:
        """Do nothing: the student stands by itself, whatever becomes of its teacher's members."""

    def certificate_facts(self) -> Mapping[str, Any] | None:
        """There is no certificate."""
        return None

    def _teacher(self, comparison: Comparison) -> Entry | None:
        """The ensemble that costs most: it asks the most members."""
        return max((one for one in comparison.trained if one.members), key=mean_ms, default=None)

    def _student(self, comparison: Comparison) -> Entry | None:
        wanted = known_task(comparison.task.name).student
        return next((one for one in comparison.trained if one.name == wanted), None)

    def _why_not(self, comparison: Comparison, teacher: Entry | None, student: Entry | None) -> str | None:
        task, left = comparison.task.name, comparison.left_seconds
        wanted = known_task(task).student
        if wanted is None:
            return f"distillation works for classification; the task is {task}"
        if teacher is None:
            return "there is no ensemble to distil"
        if student is None:
            return f"it needs {wanted}, which was not trained, so its cost here is unknown"
        needed = student.train_seconds / student.fraction
        if needed > left:
            return (
                f"it needs about {needed:.0f} s and {max(left, 0):.0f} s are left; give more time with --budget"
            )
        return None

    def _job(self, comparison: Comparison, teacher: Entry, student: Entry) -> Job:
        items = list(comparison.task.items(comparison.train))
        return Job(
            self.name,
            self._method(comparison, student),
            items,
            list(comparison.task.targets(comparison.train)),
            validation=(comparison.validation_items, comparison.scores.targets),
            soft=self._taught(comparison, teacher, items).tolist(),
            method_name=student.name,
        )

    def _method(self, comparison: Comparison, student: Entry) -> Method:
        """Give a student with all the settings of the one that was trained, which learns from a teacher besides."""
        method = comparison.method(student.name)
        stated = arguments_of(comparison.settings, student.name)
        objective = stated.get("objective", PLAIN_OBJECTIVE)
        chosen = {
            key: value for key, value in student.params.items() if key in TAKEN_OVER and key not in stated
        }
        left = max(comparison.left_seconds - student.export_seconds, 1.0) / 60
        begun = Begun.of(comparison.run, self.name) or Begun(left).keep(comparison.run, self.name)
        return method.set_params(
            **chosen,
            objective=objective if "distillation" in objective else f"{objective}+{TEACHING}",
            checkpoint_folder=comparison.run.checkpoint(self.name),
            time_limit_minutes=begun.minutes,
        )

    def _taught(self, comparison: Comparison, teacher: Entry, items: list[Any]) -> np.ndarray:
        """Give the teacher's probabilities of the training rows, columns in the order of the sorted labels."""
        predictor = load_predictor(comparison.run.candidate(teacher.name), threads=comparison.settings.threads)
        comparison.listener(Progress(f"{teacher.name}: predicting the soft labels", 0, len(items)))
        answers = predictor.predict(items)
        assert isinstance(answers, Answers)  # Of classification.
        return answers.probabilities[:, np.argsort(np.array(predictor.labels))]
