"""Staff groups and their permissions."""
