"""The gRPC listener: admission, services, and the pool that sends."""
