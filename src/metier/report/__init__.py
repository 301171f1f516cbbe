"""The report of a run: pages, plots and numbers, a function of `report.json`."""
