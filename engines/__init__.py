"""Device profiles and release sets of built engines: come with TensorRT; named here so that their place is decided."""
