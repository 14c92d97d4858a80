"""Benchmarks and deployment files; not part of the installed package."""
