"""Find, fetch, convert, quantise and verify Whisper model files."""
