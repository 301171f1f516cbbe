"""The folder of a run, its stored answers, and who follows it while it works."""
