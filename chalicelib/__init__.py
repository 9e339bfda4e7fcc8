"""Doorstep: an online government service hall without a counter."""
