"""Ways to learn from items without targets that take any method of the task."""
