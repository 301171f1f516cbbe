"""The average of a race taught to one encoder, which answers at the price of one."""

import time
from typing import Any

import numpy as np

from metier import catalogue
from metier.predictors.answers import Answers
from metier.predictors.loading import load_predictor
from metier.progress import Progress
from metier.runs.run_folder import Entry
from metier.selection.execution.ensemble_builder import fresh, mean_ms

STUDENT = "encoder.v1"
# Half the labels, half the teacher, softened twofold: what Hinton et al. start from.
OBJECTIVE = "cross_entropy+distillation:0.5:2"


class DistilJoiner:
    """Trains an encoder on the labels and on what the dearest fusion answers to the same rows [1]_.

    Asked for with `--distil`, for classification. It costs another training of `encoder.v1`, which has to be among the
    candidates, and what is left of the budget has to suffice; an answer costs what one encoder costs.

    The teacher's members have seen these rows, so it is surer of them than of others: softened, it still says which
    labels are like which.

    References
    ----------
    .. [1] Hinton, Vinyals and Dean, "Distilling the knowledge in a neural network", 2015, arXiv:1503.02531.
    """

    def __init__(self, name: str):
        self.name = name

    def join(self, race: Any) -> Entry:
        """Give the entry of the student: trained, or dropped with the reason."""
        before: Entry | None = race.run.entry(self.name)
        if before is not None:
            return before
        teacher, student = self._teacher(race), self._student(race)
        why = self._why_not(race, teacher, student)
        if why is not None or teacher is None or student is None:
            return Entry(self.name, status="dropped", why=why)
        start = time.perf_counter()
        X, y, soft = self._lessons(race, teacher)
        race.listener(Progress(f"{self.name}: {teacher.name} teaches {student.name}", 0, None, unit=""))
        method = self._method(race, student)
        method.fit(
            X, y, validation=(race.validation_items, race.figures.targets), soft=soft, listener=race.listener
        )
        method.export(fresh(race.run.candidate(self.name)))
        entry = Entry(
            self.name,
            train_seconds=time.perf_counter() - start,
            params=dict(method.chosen_params_),
            facts={**method.facts_, "teacher": teacher.name},
        )
        measured: Entry = race.measured(entry)
        return measured

    def write(self, race: Any) -> None:
        """Do nothing: the student stands by itself, whatever becomes of its teacher's members."""

    def _teacher(self, race: Any) -> Entry | None:
        """The fusion that costs most: it asks the most members."""
        return max((one for one in race.trained if one.members), key=mean_ms, default=None)

    def _student(self, race: Any) -> Entry | None:
        return next((one for one in race.trained if one.name == STUDENT), None)

    def _why_not(self, race: Any, teacher: Entry | None, student: Entry | None) -> str | None:
        if race.task.name != "classification":
            return f"a teacher of {race.task.name} is not distilled; one of classification is"
        if teacher is None:
            return "there is no fusion to learn from"
        if student is None:
            return f"it needs {STUDENT}, which was not trained: what one costs here is not known"
        if student.train_seconds > race.clock.left_seconds:
            return (
                f"it needs about {student.train_seconds:.0f} s and {max(race.clock.left_seconds, 0):.0f} s are left; "
                "give more time with --budget"
            )
        return None

    def _method(self, race: Any, student: Entry) -> Any:
        """Give an encoder like the one that was trained, which listens to a teacher besides."""
        chosen = {name: student.params[name] for name in ("base", "epochs", "C") if name in student.params}
        return catalogue.resolve(STUDENT)(
            **chosen,
            objective=OBJECTIVE,
            random_state=race.settings.random_state,
            checkpoint_folder=race.run.checkpoint(self.name),
            time_limit_minutes=race.clock.left_seconds / 60,
        )

    def _lessons(self, race: Any, teacher: Entry) -> tuple[list[str], list[str], np.ndarray]:
        """Give texts, labels and the teacher's probabilities, its columns in the order of the sorted labels."""
        texts, labels = list(race.task.items(race.train)), list(race.task.targets(race.train))
        predictor = load_predictor(race.run.candidate(teacher.name), threads=race.settings.threads)
        race.listener(Progress(f"{teacher.name}: answering what it teaches", 0, len(texts)))
        answers = predictor.predict(texts)
        assert isinstance(answers, Answers)  # Of classification.
        order = np.argsort(np.array(predictor.labels))
        return texts, labels, answers.probabilities[:, order]
