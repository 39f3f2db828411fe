"""scripts/bench: figures, measured on the same lab as the tests, printed as tables."""
