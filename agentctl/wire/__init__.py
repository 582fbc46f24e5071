"""From bytes to values and back. No I/O and no threads: bytes in, values out."""
