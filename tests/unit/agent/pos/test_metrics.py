"""The page that Prometheus reads."""

from agent.pos.metrics import Counter, Gauge, Histogram, Labels, Metrics


def test_counters() -> None:
    plain, labelled = Counter("a_total", "About a."), Counter("b_total", "About b.", ("x", "y"))
    labelled.inc("2", 'q"uo\\te\n')
    labelled.inc("1", "z", by=10**17 + 1)

    assert list(plain.lines()) == ["# HELP a_total About a.", "# TYPE a_total counter", "a_total 0"]
    assert list(labelled.lines())[2:] == [
        'b_total{x="1",y="z"} 100000000000000001',
        'b_total{x="2",y="q\\"uo\\\\te\\n"} 1',
    ]


def test_a_gauge_that_only_grows_is_a_counter() -> None:
    gauge = Gauge("losses_total", "Losses.", lambda: {(): 2}, grows=True)

    assert list(gauge.lines())[1:] == ["# TYPE losses_total counter", "losses_total 2"]


def test_gauges_are_read_when_asked() -> None:
    values: dict[Labels, float] = {("ready",): 2.0}
    gauge = Gauge("readers", "Readers.", lambda: values, ("state",))
    values[("busy",)] = 0.5

    assert list(gauge.lines())[1:] == [
        "# TYPE readers gauge",
        'readers{state="busy"} 0.5',
        'readers{state="ready"} 2',
    ]


def test_a_histogram_is_cumulative_and_its_bounds_are_inside() -> None:
    histogram = Histogram("t_seconds", "Time.", (0.001, 0.01))
    for seconds in (0.001, 0.002, 5.0):
        histogram.observe(seconds)

    assert list(histogram.lines())[1:] == [
        "# TYPE t_seconds histogram",
        't_seconds_bucket{le="0.001"} 1',
        't_seconds_bucket{le="0.01"} 2',
        't_seconds_bucket{le="+Inf"} 3',
        "t_seconds_sum 5.003",
        "t_seconds_count 3",
    ]


def test_the_page() -> None:
    metrics = Metrics()
    metrics.requests.inc("GET", "/metrics", "200")
    metrics.histogram("tillgate_journal_append_seconds", "Time until an event was on disk.").observe(0.002)
    metrics.gauge("tillgate_readers", "Readers by state.", lambda: {("ready",): 3}, ("state",))

    lines = metrics.render().decode().splitlines()

    assert 'tillgate_http_requests_total{method="GET",route="/metrics",status="200"} 1' in lines
    assert "tillgate_http_request_seconds_count 0" in lines
    assert "tillgate_journal_append_seconds_count 1" in lines
    assert 'tillgate_readers{state="ready"} 3' in lines
    assert metrics.render().endswith(b"\n")
