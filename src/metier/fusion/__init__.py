"""Ensembles: methods put together into one that is better or cheaper than any of them.

The names below are imported on first use: the catalogue reads the table of ensembles without importing scikit-learn.
"""

from typing import TYPE_CHECKING

from metier import late_names
from metier.fusion.ensemble import ENSEMBLES, ensemble_builder, ensembles

if TYPE_CHECKING:
    from metier.fusion.average import Average, AverageFit, export_average, fit_average
    from metier.fusion.cascade import Cascade, export_cascade
    from metier.fusion.certificate import CascadeCertificate, certify_cascade
    from metier.fusion.retrieve_read import RetrieveReadFit, export_retrieve_read, fit_retrieve_read

__all__ = [
    "ENSEMBLES",
    "Average",
    "AverageFit",
    "Cascade",
    "CascadeCertificate",
    "RetrieveReadFit",
    "certify_cascade",
    "ensemble_builder",
    "ensembles",
    "export_average",
    "export_cascade",
    "export_retrieve_read",
    "fit_average",
    "fit_retrieve_read",
]

_NAMES_OF = {
    "average": ("Average", "AverageFit", "export_average", "fit_average"),
    "cascade": ("Cascade", "export_cascade"),
    "certificate": ("CascadeCertificate", "certify_cascade"),
    "retrieve_read": ("RetrieveReadFit", "export_retrieve_read", "fit_retrieve_read"),
}
__getattr__ = late_names.found_late(
    __name__, {name: module for module, names in _NAMES_OF.items() for name in names}
)
