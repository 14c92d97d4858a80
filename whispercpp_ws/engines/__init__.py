"""Wrap decoder libraries behind one contract."""
