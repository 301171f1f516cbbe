"""Predictors that use words only, and the predictor that calls a chat endpoint."""
