"""The network and everything that is done with it."""
