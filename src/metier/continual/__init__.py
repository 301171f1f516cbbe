"""Learning on: which rows are worth a label, people's labels, and an update that keeps what was known."""
