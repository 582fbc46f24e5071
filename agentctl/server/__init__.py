"""Server: one engine's stream for many readers, over HTTP and gRPC."""
