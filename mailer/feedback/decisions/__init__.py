"""Decides what follows from bounces and complaints: suppression decisions, domain outages and probes."""
