"""Submitting an edition, reviewing its snapshot, and approving it or requesting changes."""
