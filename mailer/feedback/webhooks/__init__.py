"""What the services that send for us tell of our mail: taken in at /hooks/, read later, and acted upon.

The web process proves where a post comes from, keeps it as it is, and says 200 (`views`, `proofs`, `sns`).
The worker reads what was kept (`work`, `services`) and hands it to the same `apply` as mail that came back.
"""
