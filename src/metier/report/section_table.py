"""The sections of the report in their order. A section is added with one file and one row."""

from metier.report.answers import by_type, unsupported, worst
from metier.report.answers_in_detail import confused, labelled, mistaken, reliable
from metier.report.cascade import cascade_section
from metier.report.check_findings import check_section
from metier.report.compared_bases import bases_section
from metier.report.comparisons import comparisons_section, quality_against_cost
from metier.report.coverage import coverage_section
from metier.report.evidence import evidence_section
from metier.report.label_distribution import distribution_section
from metier.report.leaderboard import leaderboard
from metier.report.modalities import modalities_section
from metier.report.provenance import made_section
from metier.report.release_tests import behaviour_section, fairness_section, gate_section
from metier.report.section import Section
from metier.report.slices import slices_section
from metier.report.studies import curve_section, seeds_section

SECTIONS = (
    Section("leaderboard", "Leaderboard", leaderboard, "leaderboard"),
    Section("cost", "Quality against cost", quality_against_cost, "cost"),
    Section("comparisons", "Comparisons", comparisons_section, "comparisons"),
    Section("bases", "Bases", bases_section),
    Section("modalities", "Text and image", modalities_section),
    Section("cascade", "Cascade", cascade_section, "cascade"),
    Section("curves", "More labels", curve_section, "curves"),
    Section("seeds", "Seeds", seeds_section, "seeds"),
    Section("confusions", "Confusions", confused, "confusions"),
    Section("reliability", "Reliability", reliable, "reliability"),
    Section("coverage", "Answering only when confident", coverage_section),
    Section("mistakes", "Mistakes", mistaken, "mistakes"),
    Section("evidence", "What answers rest on", evidence_section, "evidence"),
    Section("labels", "Labels", labelled, "labels"),
    Section("worst", "Worst answers", worst, "worst"),
    Section("claims", "What the source does not say", unsupported),
    Section("types", "Types", by_type, "types"),
    Section("slices", "Where it is weaker", slices_section),
    Section("distribution", "Label distribution", distribution_section),
    Section("gate", "Release gate", gate_section),
    Section("behaviour", "Edited questions", behaviour_section),
    Section("fairness", "Groups of people", fairness_section),
    Section("check", "Check", check_section, "check"),
    Section("made", "How it was made", made_section, "made"),
)
