"""Status page: one HTML file, one stylesheet and one script, which read the stream by fetch."""
