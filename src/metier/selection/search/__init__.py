"""Settings of a method searched by successive halving."""
