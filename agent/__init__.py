"""The daemon that runs in every store."""
