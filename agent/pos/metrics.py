"""What the gateway counts, in Prometheus' text format."""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

FAST_S = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0)
"""Bounds in seconds for what should take milliseconds."""

Labels = tuple[str, ...]


def _escape(value: str) -> str:
    return value.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")


def _sample(name: str, names: Labels, values: Labels, number: float) -> str:
    labels = ",".join(f'{key}="{_escape(value)}"' for key, value in zip(names, values, strict=True))
    return f"{name}{{{labels}}} {number:g}" if labels else f"{name} {number:g}"


def _exact(name: str, names: Labels, values: Labels, number: int) -> str:
    labels = ",".join(f'{key}="{_escape(value)}"' for key, value in zip(names, values, strict=True))
    return f"{name}{{{labels}}} {number}" if labels else f"{name} {number}"


class Counter:
    """A number that only grows, one for each combination of labels."""

    def __init__(self, name: str, about: str, labels: Labels = ()) -> None:
        self._name = name
        self._about = about
        self._labels = labels
        self._values: dict[Labels, int] = {} if labels else {(): 0}

    def inc(self, *labels: str, by: int = 1) -> None:
        """Count something."""
        self._values[labels] = self._values.get(labels, 0) + by

    def lines(self) -> Iterable[str]:
        """The counter as text."""
        yield f"# HELP {self._name} {self._about}"
        yield f"# TYPE {self._name} counter"
        for values, number in sorted(self._values.items()):
            yield _exact(self._name, self._labels, values, number)


class Gauge:
    """Numbers that are read when somebody asks; `grows` for those that only do, and so are counters."""

    def __init__(
        self,
        name: str,
        about: str,
        read: Callable[[], Mapping[Labels, float]],
        labels: Labels = (),
        *,
        grows: bool = False,
    ) -> None:
        self._name = name
        self._type = "counter" if grows else "gauge"
        self._about = about
        self._read = read
        self._labels = labels

    def lines(self) -> Iterable[str]:
        """The gauge as text."""
        yield f"# HELP {self._name} {self._about}"
        yield f"# TYPE {self._name} {self._type}"
        for values, number in sorted(self._read().items()):
            yield _sample(self._name, self._labels, values, number)


class Histogram:
    """How long something took, in seconds."""

    def __init__(self, name: str, about: str, bounds: tuple[float, ...] = FAST_S) -> None:
        self._name = name
        self._about = about
        self._bounds = bounds
        self._counts = [0] * (len(bounds) + 1)
        self._sum = 0.0

    def observe(self, seconds: float) -> None:
        """Record one duration."""
        self._counts[bisect_left(self._bounds, seconds)] += 1
        self._sum += seconds

    def lines(self) -> Iterable[str]:
        """The histogram as text; buckets are cumulative."""
        yield f"# HELP {self._name} {self._about}"
        yield f"# TYPE {self._name} histogram"
        total = 0
        for bound, count in zip((*map("{:g}".format, self._bounds), "+Inf"), self._counts, strict=True):
            total += count
            yield _exact(f"{self._name}_bucket", ("le",), (bound,), total)
        yield _sample(f"{self._name}_sum", (), (), self._sum)
        yield _exact(f"{self._name}_count", (), (), total)


class Metrics:
    """Everything the gateway counts: the door's own answers, and what others add."""

    def __init__(self) -> None:
        self.requests = Counter(
            "tillgate_http_requests_total", "Answers given to tills.", ("method", "route", "status")
        )
        self.request_seconds = Histogram(
            "tillgate_http_request_seconds", "Time to answer a till, long polls and streams left out."
        )
        self._added: list[Gauge | Histogram] = []

    def gauge(
        self,
        name: str,
        about: str,
        read: Callable[[], Mapping[Labels, float]],
        labels: Labels = (),
        *,
        grows: bool = False,
    ) -> None:
        """Add numbers that are read at each scrape, by label values in the order of `labels`."""
        self._added.append(Gauge(name, about, read, labels, grows=grows))

    def histogram(self, name: str, about: str) -> Histogram:
        """Add durations of something that should take milliseconds; whoever does it calls `observe`."""
        added = Histogram(name, about)
        self._added.append(added)
        return added

    def render(self) -> bytes:
        """The whole page."""
        metrics: list[Counter | Histogram | Gauge] = [self.requests, self.request_seconds, *self._added]
        lines = [line for metric in metrics for line in metric.lines()]
        return ("\n".join(lines) + "\n").encode()
