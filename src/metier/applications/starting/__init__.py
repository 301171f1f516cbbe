"""A task from a sentence: its kind, label names, a labelling guide, settings and a first model without labelled rows."""
