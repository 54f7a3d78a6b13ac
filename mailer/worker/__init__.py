"""What runs an installation: the worker's scheduler, the web server, and the supervisor of both."""
