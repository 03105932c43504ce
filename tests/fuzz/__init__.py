"""Fuzzing: what no example would have thought of."""
