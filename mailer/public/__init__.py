"""Pages for everyone: the archive, an edition in the browser, the feed."""
