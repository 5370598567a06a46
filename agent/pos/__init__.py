"""The doors: everything a till can talk to."""
