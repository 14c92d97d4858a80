"""One server program each, behind one contract (`base.Adapter`)."""
