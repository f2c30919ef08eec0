"""What is counted: requests by route, method and status; no id, name or address is ever a label."""

from typing import Any, Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from starlette.responses import Response
from starlette.types import Scope

_METHODS: Final = frozenset({"GET", "POST", "HEAD", "OPTIONS", "PUT", "PATCH", "DELETE"})
_BUCKETS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 60.0)


class Metrics:
    """The counters of one process."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        labels = ("method", "route", "status")
        self._requests = Counter(
            "passation_http_requests", "Requests that were answered.", labels, registry=self._registry
        )
        self._seconds = Histogram(
            "passation_http_request_seconds",
            "How long answers took.",
            ("method", "route"),
            buckets=_BUCKETS,
            registry=self._registry,
        )
        self._ready = Gauge(
            "passation_ready",
            "Whether each thing that is needed answers.",
            ("part",),
            registry=self._registry,
        )

    def count(self, scope: Scope, status: int, seconds: float) -> None:
        """Count one answer, under the pattern of its path: the path itself may say whose it is."""
        route: Any = scope.get("route")
        pattern = str(getattr(route, "path", "unknown"))
        method = scope["method"] if scope["method"] in _METHODS else "other"
        self._requests.labels(method, pattern, str(status)).inc()
        self._seconds.labels(method, pattern).observe(seconds)

    def ready(self, part: str, *, ok: bool) -> None:
        """Say whether a part answered when it was last asked."""
        self._ready.labels(part).set(int(ok))

    def response(self) -> Response:
        """Give everything, as Prometheus reads it."""
        return Response(generate_latest(self._registry), media_type=CONTENT_TYPE_LATEST)
