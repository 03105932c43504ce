"""The catalogues of the marketplaces: what is listed there, and whether it is in order."""
