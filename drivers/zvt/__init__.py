"""The ZVT protocol, pure: bytes in, events out, for both roles."""
