"""A module's container image: built, tested, run and pushed with the engine that is at hand."""
