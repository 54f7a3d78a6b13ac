"""Backups, their restoration, and the move to another database. All three use the same rows."""
