"""Fan-out: one stream for many readers, whatever their transport. No sockets."""
