"""Fitted networks for other libraries."""
