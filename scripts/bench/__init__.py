"""
Measure how early, how steady and how right the text of a live server is.

Run it with `python -m scripts.bench --help`; every number is defined in the docstring
of the field that holds it, in `scores`.
"""
