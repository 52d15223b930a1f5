"""What a client of a Qdrant server sends in a CPU-second, by HTTP and gRPC: python -m benchmarks.index_clients --help

The server is a process that reads requests and throws them away, so what is measured is what `vectors.clients` share:
making points of rows and segments, their digests, messages of them, and sending. Prints JSON lines.
"""

import argparse
import json
import multiprocessing
import time
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, HTTPServer
from multiprocessing.connection import Connection
from typing import Any

import grpc
import numpy as np
import pyarrow as pa
from qdrant_client import grpc as messages
from qdrant_client.grpc.points_service_pb2_grpc import PointsServicer, add_PointsServicer_to_server

from configs.vectors import Vectors
from pipeline.embed.segmenter import segments_schema
from pipeline.index.held import bring
from pipeline.index.points import HELD
from pipeline.index.qdrant_server import ServerStore, client_of

ROWS, DIMENSIONS = 2048, 384


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--blocks", type=int, default=10, help=f"blocks of {ROWS} rows of one segment")
    blocks = parser.parse_args().blocks
    for name, serve in (("http", http_sink), ("grpc", grpc_sink)):
        ours, theirs = multiprocessing.Pipe()
        process = multiprocessing.get_context("spawn").Process(target=serve, args=(theirs,), daemon=True)
        process.start()
        port = ours.recv()
        settings = Vectors(url=f"http://127.0.0.1:{port}", grpc=name == "grpc", grpc_port=port)
        store = ServerStore(client_of(settings), "sink", settings, deferred=True)
        rows, segments = block()
        bring(store, rows, segments, HELD.empty_table(), settings.batch_size)
        cpu, clock = time.process_time(), time.monotonic()
        for _ in range(blocks):
            bring(store, rows, segments, HELD.empty_table(), settings.batch_size)
        cpu, clock = time.process_time() - cpu, time.monotonic() - clock
        rates = {"points_a_cpu_second": round(blocks * ROWS / cpu), "points_a_second": round(blocks * ROWS / clock)}
        print(json.dumps({"what": name, "dimensions": DIMENSIONS, **rates}), flush=True)
        process.kill()


def block() -> tuple[pa.Table, pa.Table]:
    """Rows of two turns of 120 characters, and a segment of each."""
    draw = np.random.default_rng(0)
    ids = sorted(draw.bytes(16).hex() for _ in range(ROWS))
    said = [{"role": role, "content": "What is it that people say? " * 4} for role in ("user", "assistant")]
    rows = [
        {"row_id": i, "source": "chats", "user_id": "u1", "topic": "small talk", "split": "train", "messages": said}
        for i in ids
    ]
    vectors = draw.standard_normal((ROWS, DIMENSIONS)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    zeros = [0] * ROWS
    columns = [ids, zeros, zeros, [1] * ROWS, zeros]
    kept = pa.FixedSizeListArray.from_arrays(pa.array(vectors.ravel()), DIMENSIONS)
    return pa.Table.from_pylist(rows), pa.table([*columns, kept], schema=segments_schema(DIMENSIONS))


def http_sink(to: Connection) -> None:
    class Sink(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_PUT(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            said = b'{"result": {"operation_id": 0, "status": "acknowledged"}, "status": "ok", "time": 0}'
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(said)))
            self.end_headers()
            self.wfile.write(said)

        def log_message(self, *_: object) -> None: ...

    server = HTTPServer(("127.0.0.1", 0), Sink)
    to.send(server.server_address[1])
    server.serve_forever()


def grpc_sink(to: Connection) -> None:
    class Sink(PointsServicer):
        def Upsert(self, request: Any, context: Any) -> Any:  # noqa: ARG002
            result = messages.UpdateResult(operation_id=0, status=messages.UpdateStatus.Acknowledged)
            return messages.PointsOperationResponse(result=result)

    server = grpc.server(ThreadPoolExecutor(1), options=[("grpc.max_receive_message_length", 64 << 20)])
    add_PointsServicer_to_server(Sink(), server)
    to.send(server.add_insecure_port("127.0.0.1:0"))
    server.start()
    server.wait_for_termination()


if __name__ == "__main__":
    main()
