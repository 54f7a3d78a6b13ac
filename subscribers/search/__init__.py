"""Search of subscribers by parts of address and name among millions, and of possible duplicates."""
