"""The sending engine: claims what is due, composes, sends and records it."""
