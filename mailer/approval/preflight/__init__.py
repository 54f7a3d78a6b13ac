"""Preflight: checks of an edition before it is submitted for approval.

`description` is what the checks know, `gather` reads it from the database, `check_table` lists the checks in
their order, and `findings` groups what they found, so that one cause is one line.
"""
