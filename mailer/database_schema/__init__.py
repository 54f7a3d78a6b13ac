"""The tables of a new database, as SQL for each kind of database; `make schema` writes them."""
