"""Wire formats: bytes in, values out, and back. No I/O and no threads."""
