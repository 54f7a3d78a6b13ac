"""Reports of mailings, comparison of editions, and recipients not reached."""
