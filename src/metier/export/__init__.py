"""From a trained model to the files that ship: ONNX graphs, INT8, the equivalence check."""
