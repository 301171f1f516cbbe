"""Predictors that work on words alone, and those that ask a chat endpoint."""
