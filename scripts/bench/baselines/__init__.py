"""Servers to compare with that run in an environment of their own, and weights."""
