"""Methods that write text with a causal language model."""
