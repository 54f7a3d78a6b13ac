"""Segments: the list, and the form that edits and counts a rule."""
