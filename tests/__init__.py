"""Tests: what users see, in full."""
