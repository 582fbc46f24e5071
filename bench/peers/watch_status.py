"""What a script with grpcio does: follow the stream, and print a line for each event."""

import sys

import grpc

from agentctl.rpc.agentctl_pb2 import WatchControlPlaneStatusRequest
from agentctl.rpc.agentctl_pb2_grpc import AgentctlServiceStub

with grpc.insecure_channel(sys.argv[1]) as channel:
    request = WatchControlPlaneStatusRequest(namespace="agents")
    for event in AgentctlServiceStub(channel).WatchControlPlaneStatus(request):
        for item in event.items:
            print(event.type, item.component, item.status, item.message, flush=True)
