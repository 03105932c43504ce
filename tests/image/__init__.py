"""Tests of building, testing and running images."""
