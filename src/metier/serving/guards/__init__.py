"""What stands between a caller and the model: keys, rates, TLS, masking, and the audit log."""
