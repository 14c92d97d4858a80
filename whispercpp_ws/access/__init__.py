"""Decide who may connect, from where, and how much they may use."""
