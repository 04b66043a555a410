"""The window: bicubic against super-resolution, live. Loaded only when it is asked for."""
