"""Streams, watched: counts of messages against their own past, and alarms with a stated budget of false ones."""
