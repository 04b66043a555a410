"""Real-time video and camera super-resolution."""

__version__ = "0.1.0"
