"""What happens to a picture between the lens and the screen, on purpose: low-resolution inputs for real-world networks.

`order` is Real-ESRGAN's chain for stills, `video` ours for sequences, `motion` makes sequences from stills, and `plan`
holds every probability and range. `python -m training preview RECIPE` draws a contact sheet of all of it.
"""
