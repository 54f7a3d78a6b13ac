"""What follows from bounces and complaints: events, suppression decisions, outages."""
