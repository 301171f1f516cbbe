"""Old place of these names, until the last import of it is gone."""

from metier.tasks.answers.label_set import LabelSetDecoder as LabelRule

__all__ = ["LabelRule"]
