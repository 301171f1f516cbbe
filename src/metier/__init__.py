"""Train, compare, export and serve text models: from a file of labelled rows to a service.

The names below are found when they are first used, so `import metier` takes milliseconds, and a server or a
notebook imports only the packages it uses.
"""

import os
import pkgutil
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from metier.assurance.comparing import compare
    from metier.bundles import adapt
    from metier.bundles import load_bundle as load
    from metier.data.reading import read
    from metier.notebook import show_progress
    from metier.selection.api import learning_curve, train
    from metier.selection.evaluating import evaluate
    from metier.selection.finished_run import Run

__version__ = "0.1.0"

# ONNX Runtime 1.31 sends usage data and keeps a device identifier in ~/.cache unless this is set before its first
# import. Nothing may leave the machine; a user's own setting wins.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

__all__ = [
    "Run",
    "__version__",
    "adapt",
    "compare",
    "evaluate",
    "learning_curve",
    "load",
    "read",
    "show_progress",
    "train",
]

_FOUND_IN = {
    "Run": "metier.selection.finished_run:Run",
    "adapt": "metier.bundles.adapted:adapt",
    "compare": "metier.assurance.comparing:compare",
    "evaluate": "metier.selection.evaluating:evaluate",
    "learning_curve": "metier.selection.api:learning_curve",
    "load": "metier.bundles:load_bundle",
    "read": "metier.data.reading:read",
    "show_progress": "metier.notebook:show_progress",
    "train": "metier.selection.api:train",
}


def __getattr__(name: str) -> Any:
    if name not in _FOUND_IN:
        raise AttributeError(f"module 'metier' has no attribute {name!r}; it has: {', '.join(__all__)}")
    return pkgutil.resolve_name(_FOUND_IN[name])


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
