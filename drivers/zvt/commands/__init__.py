"""Every command of the standard: a row each, and typed faces for those a store needs."""
