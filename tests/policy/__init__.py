"""Tests of the deciding room."""
