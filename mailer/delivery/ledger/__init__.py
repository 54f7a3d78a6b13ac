"""Claims deliveries and records their results; the attempt journal and recovery after a crash."""
