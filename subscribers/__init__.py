"""The ground: people, lists, segments, suppression, imports and self-service pages."""
