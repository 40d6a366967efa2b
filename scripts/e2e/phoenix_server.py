"""Starts Phoenix (an LLM trace backend) on loopback only.

Phoenix binds its HTTP port to PHOENIX_HOST but its gRPC port always to every interface of the machine. A test has
no business being reachable from outside, so the gRPC address is replaced on its way to the server.
"""

import sys

import grpc.aio
from phoenix.server.main import main

_server = grpc.aio.server


def _loopback_server(*arguments: object, **options: object) -> grpc.aio.Server:
    server = _server(*arguments, **options)
    add_insecure_port = server.add_insecure_port
    server.add_insecure_port = lambda address: add_insecure_port(address.replace("[::]", "127.0.0.1"))
    return server


if __name__ == "__main__":
    grpc.aio.server = _loopback_server
    sys.argv = ["phoenix", "serve"]
    main()
