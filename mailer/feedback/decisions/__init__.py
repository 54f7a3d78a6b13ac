"""Decides what follows from bounces and complaints: suppression decisions, bounce waves and probes."""
