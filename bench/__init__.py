"""Measured comparisons; `make bench` runs them all."""
