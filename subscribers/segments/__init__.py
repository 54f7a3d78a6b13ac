"""Tags, custom fields, and segments: rules over subscribers that compile to one query.

Serves audiences, search and bulk jobs.
"""
