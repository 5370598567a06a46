"""Measurements: ours beside a careful alternative, in one run on one machine."""
