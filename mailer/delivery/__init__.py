"""The ledger of deliveries and the engine that sends them."""
