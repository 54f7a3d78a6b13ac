"""Sources that stories come in from: their readers, and what all readers share."""
