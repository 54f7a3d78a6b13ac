"""Stories, the sources they come from, and how they are gathered."""
