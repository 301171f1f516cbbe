"""The folder of a run, its stored answers, and its trackers."""
