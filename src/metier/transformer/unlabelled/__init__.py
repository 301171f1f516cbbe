"""Methods that also learn from texts without labels."""
