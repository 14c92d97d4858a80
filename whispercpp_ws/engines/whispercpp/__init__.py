"""Drive the libwhisper that ships in the pywhispercpp wheel, through ctypes."""
