"""Whatever comes in from outside, mangled: each target reads what a modem, the PBX, a phone or a person may send it.

``python -m tests.fuzz all --minutes 10`` looks for long; tests/fuzz/test_fuzz.py plays what was kept, and a little more, with every run.
"""
