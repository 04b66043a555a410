"""The workshop where rtsr's networks are trained: `python -m training RECIPE`."""
