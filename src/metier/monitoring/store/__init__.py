"""The store of a watch; its tables are imported on first use."""
