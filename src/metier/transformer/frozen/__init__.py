"""Methods that stand on a pretrained encoder as it came."""
