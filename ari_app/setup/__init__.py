"""``textback setup``: from a fresh package to the first text, and back."""
