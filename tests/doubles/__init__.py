"""Stand-ins for what cannot run without a GPU: the CUDA driver, and the half of TensorRT that runs plans."""
