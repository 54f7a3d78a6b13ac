"""Stories in the desk."""
