"""Inbound calls that ring now: shown to staff, and declined by them."""
