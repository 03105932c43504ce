"""Container images of a module: which base, which CUDA, what is installed."""
