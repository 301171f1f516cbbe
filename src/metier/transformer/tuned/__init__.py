"""Methods that fine-tune a pretrained encoder."""
