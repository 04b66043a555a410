"""Lets torch-tensorrt be imported and build where there is no GPU; for a process of its own, since it changes torch.

torch-tensorrt asks for a device when it is imported, and then only notes it; its C++ half, which runs engines, wants
torch's CUDA build and is left out. Lowering, conversion and the build are the real ones.
"""

import os

import torch

_is_file = os.path.isfile
_GIB = 1 << 30

os.path.isfile = lambda path: "libtorchtrt" not in os.fspath(path) and _is_file(path)
torch.cuda.get_device_capability = lambda *_: (8, 9)
torch.cuda.current_device = lambda: 0
torch.cuda.mem_get_info = lambda *_: (8 * _GIB, 8 * _GIB)
if not hasattr(torch._C, "_CudaDeviceProperties"):
    torch._C._CudaDeviceProperties = object

import torch_tensorrt  # noqa: E402, F401 - while the C++ half is hidden

os.path.isfile = _is_file
