"""The drivers: one per kind of reader."""
