"""Speak the native protocol from the client side."""
