"""Knowledge graphs: concepts, their names and how they are related, read from files."""

from metier.data.knowledge.graph import Concept, KnowledgeGraph
from metier.data.knowledge.reading import read_knowledge

__all__ = ["Concept", "KnowledgeGraph", "read_knowledge"]
