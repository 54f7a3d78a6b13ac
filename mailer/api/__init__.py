"""The REST API at /api/v1/: what staff do in the desk, for programs that act for a member of staff."""
