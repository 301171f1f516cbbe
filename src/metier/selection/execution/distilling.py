"""The ensemble of a run distilled into one method, at the cost of that one."""

from collections.abc import Mapping
from typing import Any

from metier import catalogue
from metier.fusion.candidates import mean_ms
from metier.predictors.loading import load_predictor
from metier.progress import Progress
from metier.runs.run_folder import Entry
from metier.selection.comparison import Comparison
from metier.selection.execution.fitting import Job
from metier.selection.execution.refitting import Begun
from metier.selection.settings import arguments_of
from metier.tasks.method_contract import Method
from metier.tasks.task_table import known_task
from metier.tasks.ways import no_way

# Half the labels, half the teacher, softened twofold: what Hinton et al. start from.
TEACHING = "distillation:0.5:2"
SHARE = 0.5  # Of the teacher, where the target itself is mixed.
PLAIN_OBJECTIVE = "cross_entropy"
# What the trained student was planned or chose, and its own settings do not state.
TAKEN_OVER = ("base", "epochs", "C")


class Distilled:
    """Distillation: a method trained on the targets and on what the most expensive ensemble thinks of them [1]_.

    Requested with `--distil`. What an ensemble thinks, the kind of answers says: probabilities of labels, of each label of
    a set, of grades, spans with their probabilities, a number. It costs another training of the student, the task's
    encoder or where that was not trained its linear method, whose settings it shares; prediction costs as much as that
    one does. Labels keep the divergence of softened answers beside them; of other answers half the target is the
    teacher's.

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
        trained = {one.name: one for one in comparison.trained}
        return next(
            (trained[name] for name in known_task(comparison.task.name).students if name in trained), None
        )

    def _why_not(self, comparison: Comparison, teacher: Entry | None, student: Entry | None) -> str | None:
        task, left = comparison.task.name, comparison.left_seconds
        wanted = known_task(task).students
        if not wanted:
            return no_way("--distil", task)
        if teacher is None:
            return "there is no ensemble to distil"
        if student is None:
            return f"it needs {' or '.join(wanted)}, which was not trained, so its cost here is unknown"
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
            soft=self._taught(comparison, teacher, items, student),
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
        takes = method.get_params(deep=False)
        if "objective" in takes and _follows(comparison):
            chosen["objective"] = objective if "distillation" in objective else f"{objective}+{TEACHING}"
        if "time_limit_minutes" in takes:
            left = max(comparison.left_seconds - student.export_seconds, 1.0) / 60
            begun = Begun.of(comparison.run, self.name) or Begun(left).keep(comparison.run, self.name)
            chosen["time_limit_minutes"] = begun.minutes
        if "checkpoint_folder" in takes:
            chosen["checkpoint_folder"] = comparison.run.checkpoint(self.name)
        return method.set_params(**{key: value for key, value in chosen.items() if key in takes})

    def _taught(self, comparison: Comparison, teacher: Entry, items: list[Any], student: Entry) -> list[Any]:
        """Give what the teacher thinks of the training rows, mixed with their targets where nothing else follows them."""
        predictor = load_predictor(comparison.run.candidate(teacher.name), threads=comparison.settings.threads)
        comparison.listener(Progress(f"{teacher.name}: predicting the soft labels", 0, len(items)))
        task = comparison.task
        soft = task.answer.soft_targets(predictor.predict(items), task.labels)
        if catalogue.capabilities(student.name).takes_objective and _follows(comparison):
            return soft
        stated: dict[str, Any] = {"order": task.labels} if task.is_ordered else {}
        targets = list(task.targets(comparison.train))
        examples = task.answer.check(task.input.read(items), targets, **stated)
        return task.answer.blended(examples, soft, share=SHARE)


def _follows(comparison: Comparison) -> bool:
    """Whether a term of the objective follows a teacher beside the targets: softened answers of one label."""
    return "distillation" in comparison.task.answer.terms
