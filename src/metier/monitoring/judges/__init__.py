"""What judges a stream, one signal a file: from counts and answers of closed periods to findings, with no look ahead."""
