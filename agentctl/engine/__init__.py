"""The engine: one queue of messages, one consumer, and the stream that it makes."""
