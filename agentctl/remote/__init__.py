"""An agentctl server as the source of state, over SSE or gRPC."""
