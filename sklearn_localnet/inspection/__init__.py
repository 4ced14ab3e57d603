"""Looking into networks: audit of locality, displays."""
