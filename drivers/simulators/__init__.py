"""The world without hardware, shipped for everyone's tests."""
