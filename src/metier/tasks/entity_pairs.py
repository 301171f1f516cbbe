"""Old place of these names, until the last import of it is gone."""

from metier.tasks.inputs.marked_text import (
    ENTITIES,
    RULE,
    TYPES,
    as_entity_pairs,
    check_words_are_whole,
    entity_fault,
)

__all__ = ["ENTITIES", "RULE", "TYPES", "as_entity_pairs", "check_words_are_whole", "entity_fault"]
