"""The Open Inference Protocol (V2): questions as tensors, and answers as tensors."""
