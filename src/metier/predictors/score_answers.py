"""Old place of these names, until the last import of it is gone."""

from metier.tasks.answers.score import ScoreDecoder as ScoreRule

__all__ = ["ScoreRule"]
