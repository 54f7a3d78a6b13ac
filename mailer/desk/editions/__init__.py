"""Newsletters and editions in the desk, their preview and variants."""
