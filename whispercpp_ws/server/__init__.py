"""Serve sessions over sockets: the only place that joins all the others."""
