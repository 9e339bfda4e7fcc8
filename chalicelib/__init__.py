"""Doorstep: an online government service hall without a counter."""

__version__ = "0.1.0"
