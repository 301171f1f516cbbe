"""How far away the words that an answer needs may stand, and whether attention says which words those are."""

from metier.explanation.memory.context_memory import Memory, measure_memory

__all__ = ["Memory", "measure_memory"]
