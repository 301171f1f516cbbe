"""Ways of joining methods into one that is better or cheaper than any of them."""

from metier.fusion.average import Average, AverageFit, export_average, fit_average
from metier.fusion.cascade import Cascade, export_cascade
from metier.fusion.certificate import CascadeCertificate, certify_cascade

__all__ = [
    "Average",
    "AverageFit",
    "Cascade",
    "CascadeCertificate",
    "certify_cascade",
    "export_average",
    "export_cascade",
    "fit_average",
]
