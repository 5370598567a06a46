"""What must never go wrong: sessions, their journal, the lanes that run them."""
