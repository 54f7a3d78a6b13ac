"""Segments in the desk."""
