"""From raw data to what the network sees."""
