"""Pages for everyone: the archive with web versions and feed, calendar files, images and the health check."""
