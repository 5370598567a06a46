"""The `tillgate` command, one module per group of verbs."""
