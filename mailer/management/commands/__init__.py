"""`migrate` loads the tables of a new database from a file."""
