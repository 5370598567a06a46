"""Desired state: what admins declare, what is there, and the steps between."""
