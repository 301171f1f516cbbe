"""Import rows from other tools: labelling tools, trainers, chatbots, data set libraries."""

from metier.data.importers.choosing import FORMATS, import_rows
from metier.data.importers.imported import Imported, Tally

__all__ = ["FORMATS", "Imported", "Tally", "import_rows"]
