"""Newsletters, their editions, and how an edition is assembled from stories."""
