"""How groups of people are answered: words that name them are exchanged, and groups of rows are compared."""
