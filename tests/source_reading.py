"""A source, read as the watch reads it."""

import json


class Reading:
    """Reads a source as the watch does, and keeps what it gave."""

    def __init__(self, source):
        self.source, self.position = source, None
        self.messages, self.refused = [], []

    def __call__(self):
        """Read to the end; give the texts that are new."""
        before = len(self.messages)
        for batch in self.source.read(self.position):
            self.messages.extend(batch.messages)
            self.refused.extend(batch.refused)
            self.position = json.loads(json.dumps(batch.position))
        return [message.text for message in self.messages[before:]]
