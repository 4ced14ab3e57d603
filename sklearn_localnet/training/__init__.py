"""Training: rows in, batches of them to a network, rates over time, and when to stop."""
