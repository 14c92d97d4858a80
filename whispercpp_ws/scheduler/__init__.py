"""Decide which decode runs next, and run it in an engine host process."""
