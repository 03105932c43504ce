"""Tests of reading, checking and reporting metadata."""
