"""The installation as a whole: its identity, and what is recorded of it."""
