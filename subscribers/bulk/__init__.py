"""Changing many people at once: by stretches, with what was changed kept, so that it can be undone."""
