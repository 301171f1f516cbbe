"""The roles of columns, and their values parsed into the types of the roles."""
