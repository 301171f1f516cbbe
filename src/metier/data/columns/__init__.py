"""What the columns of rows are for, and their values in the form that their roles promise."""
