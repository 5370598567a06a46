"""Bytes to and fro."""
