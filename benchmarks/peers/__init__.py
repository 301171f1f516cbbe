"""What a user would otherwise pick: each peer is one program that runs in an environment of its own."""
