"""The fault matrix: whatever may be pulled, killed, filled or set wrong, and the test that says what comes of it."""
