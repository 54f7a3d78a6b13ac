"""Stories: the list and the form."""
