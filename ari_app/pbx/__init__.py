"""What Asterisk says, turned into finished calls."""
