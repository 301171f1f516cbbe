"""One method a file; `table` has them all."""
