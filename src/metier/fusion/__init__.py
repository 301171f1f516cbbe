"""Ensembles: methods put together into one that is better or cheaper than any of them."""

from metier.fusion.average import Average, AverageFit, export_average, fit_average
from metier.fusion.cascade import Cascade, export_cascade
from metier.fusion.certificate import CascadeCertificate, certify_cascade
from metier.fusion.ensemble import ENSEMBLES, ensemble_builder, ensembles
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
