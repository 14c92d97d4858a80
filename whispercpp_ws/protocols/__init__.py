"""Translate wire frames to session inputs, and events to wire frames."""
