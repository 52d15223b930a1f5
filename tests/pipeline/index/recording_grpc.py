"""The gRPC interface of Qdrant as far as Parlance speaks it, over the same engine in memory as recording_server.py.

Messages and services are those that qdrant-client was generated with; what is asked is read by its own conversions.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import grpc
from qdrant_client import grpc as q
from qdrant_client import models
from qdrant_client.conversions.conversion import GrpcToRest, RestToGrpc
from qdrant_client.grpc.collections_service_pb2_grpc import CollectionsServicer, add_CollectionsServicer_to_server
from qdrant_client.grpc.points_service_pb2_grpc import PointsServicer, add_PointsServicer_to_server

from tests.pipeline.index.recording_server import Recording


class Collections(CollectionsServicer):
    def __init__(self, recording: Recording) -> None:
        self._of, self._client = recording, recording.client

    def CollectionExists(self, request: Any, context: Any) -> Any:  # noqa: ARG002
        there = self._client.collection_exists(request.collection_name)
        return q.CollectionExistsResponse(result=q.CollectionExists(exists=there))

    def Create(self, request: Any, context: Any) -> Any:  # noqa: ARG002
        name = request.collection_name
        self._of.graph[name] = request.hnsw_config.m if request.HasField("hnsw_config") else None
        self._client.create_collection(name, GrpcToRest.convert_vectors_config(request.vectors_config))
        return q.CollectionOperationResponse(result=True)

    def Update(self, request: Any, context: Any) -> Any:  # noqa: ARG002
        if request.HasField("hnsw_config"):
            self._of.graph[request.collection_name] = request.hnsw_config.m
        metadata = GrpcToRest.convert_payload(request.metadata)
        self._client.update_collection(request.collection_name, metadata=metadata or None)
        return q.CollectionOperationResponse(result=True)

    def Get(self, request: Any, context: Any) -> Any:  # noqa: ARG002
        info = self._client.get_collection(request.collection_name)
        return q.GetCollectionInfoResponse(result=RestToGrpc.convert_collection_info(info))

    def List(self, request: Any, context: Any) -> Any:  # noqa: ARG002
        found = self._client.get_collections().collections
        return q.ListCollectionsResponse(collections=[q.CollectionDescription(name=one.name) for one in found])

    def Delete(self, request: Any, context: Any) -> Any:  # noqa: ARG002
        return q.CollectionOperationResponse(result=self._client.delete_collection(request.collection_name))

    def UpdateAliases(self, request: Any, context: Any) -> Any:  # noqa: ARG002
        self._client.update_collection_aliases([GrpcToRest.convert_alias_operations(a) for a in request.actions])
        return q.CollectionOperationResponse(result=True)

    def ListAliases(self, request: Any, context: Any) -> Any:  # noqa: ARG002
        found = self._client.get_aliases().aliases
        return q.ListAliasesResponse(aliases=[RestToGrpc.convert_alias_description(one) for one in found])


class Points(PointsServicer):
    def __init__(self, recording: Recording) -> None:
        self._of, self._client = recording, recording.client

    def Upsert(self, request: Any, context: Any) -> Any:
        if self._of.busy:
            self._of.busy -= 1
            context.abort(grpc.StatusCode.UNAVAILABLE, "the server is restarting")
        points = [GrpcToRest.convert_point_struct(point) for point in request.points]
        self._of.asked.append(("Upsert", request.collection_name, {"wait": request.wait}, len(points)))
        self._client.upsert(request.collection_name, points)
        return _updated(q.UpdateStatus.Acknowledged)

    def Delete(self, request: Any, context: Any) -> Any:  # noqa: ARG002
        self._client.delete(request.collection_name, GrpcToRest.convert_points_selector(request.points))
        return _updated(q.UpdateStatus.Completed)

    def CreateFieldIndex(self, request: Any, context: Any) -> Any:  # noqa: ARG002
        self._of.asked.append(("CreateFieldIndex", request.collection_name, {}, request.field_name))
        return _updated(q.UpdateStatus.Completed)

    def Count(self, request: Any, context: Any) -> Any:
        if self._of.refused:
            context.abort(grpc.StatusCode.UNAUTHENTICATED, "Must provide an API key")
        return q.CountResponse(result=RestToGrpc.convert_count_result(self._client.count(request.collection_name)))

    def Get(self, request: Any, context: Any) -> Any:  # noqa: ARG002
        ids = [GrpcToRest.convert_point_id(one) for one in request.ids]
        found = self._client.retrieve(request.collection_name, ids, with_vectors=True)
        return q.GetResponse(result=[RestToGrpc.convert_record(record) for record in found])

    def Query(self, request: Any, context: Any) -> Any:  # noqa: ARG002
        asked = GrpcToRest.convert_query_points(request)
        found = self._client.query_points(
            request.collection_name,
            asked.query.nearest if isinstance(asked.query, models.NearestQuery) else asked.query,
            query_filter=asked.filter,
            limit=asked.limit or 10,
            score_threshold=asked.score_threshold,
        )
        return q.QueryResponse(result=[RestToGrpc.convert_scored_point(point) for point in found.points])


def _updated(status: Any) -> Any:
    return q.PointsOperationResponse(result=q.UpdateResult(operation_id=0, status=status))


@contextmanager
def recording_grpc() -> Iterator[tuple[int, Recording]]:
    """A port of 127.0.0.1, and what is asked there."""
    recording = Recording()
    server = grpc.server(ThreadPoolExecutor(1))
    add_CollectionsServicer_to_server(Collections(recording), server)
    add_PointsServicer_to_server(Points(recording), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield port, recording
    finally:
        server.stop(0)
