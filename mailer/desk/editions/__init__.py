"""Newsletters and editions: lists, forms and previews of all variants."""
