"""What a run finds out besides the comparison: spread over seeds, learning curves."""
