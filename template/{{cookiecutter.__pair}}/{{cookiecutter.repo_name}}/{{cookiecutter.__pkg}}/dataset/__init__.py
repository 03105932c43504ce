"""Where the raw data comes from."""
