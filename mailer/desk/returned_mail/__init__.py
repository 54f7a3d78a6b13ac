"""Returned mail: unclassified replies, and classifying them by hand."""
