"""How an encoder is fine-tuned: batches, objectives, the loop, checkpoints."""
