"""Whether a writer has memorised its training rows: secrets are planted in them, and asked of it afterwards."""
