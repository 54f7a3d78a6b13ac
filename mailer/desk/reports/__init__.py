"""Reports of mailings, comparison of editions, and subscribers not reached."""
