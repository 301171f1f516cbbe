"""The comparison of candidates under a budget, and the recommendation that comes out."""
