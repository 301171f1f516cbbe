"""Predictors that weigh features: linear models, CRF, static embeddings."""
