"""What makes jobs run: the embedded scheduler, and the supervisor of web and worker."""
