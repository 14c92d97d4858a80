"""Turn PCM into events and decode requests, without I/O or a clock."""
