"""Whole jobs: what a command does from its first file to its last."""
