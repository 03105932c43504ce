"""Tests of scaffold.marketplace."""
