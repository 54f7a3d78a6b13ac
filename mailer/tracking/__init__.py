"""Clicks and openings: counted for many readers together, machines left out."""
