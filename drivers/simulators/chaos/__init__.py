"""A world in which everything goes wrong that can, decided by one seed: time, programs, lines, devices."""
