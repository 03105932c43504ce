"""Data synchronisation, against real servers."""
