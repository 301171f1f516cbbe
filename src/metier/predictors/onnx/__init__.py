"""Predictors that run an ONNX graph: no torch."""
