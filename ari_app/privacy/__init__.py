"""How long things are kept, one person's record, and its erasure."""
