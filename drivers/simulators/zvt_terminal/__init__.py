"""A simulated ZVT terminal: bytes in and out of a link, with a turnover memory that survives its restart."""
