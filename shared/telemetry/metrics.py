"""Prometheus metrics with the same names in every service: base units, and never an account id in a label."""

from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

CONTENT_TYPE: Final = CONTENT_TYPE_LATEST
_FAST: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
_ROAD: Final = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 3600)


class Metrics:
    """One service's metrics, in a registry of their own. main.py makes one and hands it down."""

    def __init__(self, service: str) -> None:
        self.registry = r = CollectorRegistry()
        ProcessCollector(registry=r)
        Gauge("keepwell_service_info", "Which service this is.", ["service"], registry=r).labels(service).set(1)
        self.http_seconds = Histogram(
            "keepwell_http_request_seconds",
            "How long requests took.",
            ["method", "route", "status"],
            buckets=_FAST,
            registry=r,
        )
        self.events_accepted = Counter(
            "keepwell_events_accepted_total", "Events confirmed by the broker, or kept waiting.", ["type"], registry=r
        )
        self.events_refused = Counter(
            "keepwell_events_refused_total", "Events refused, by the code that the sender got.", ["code"], registry=r
        )
        self.events_waiting = Gauge(
            "keepwell_events_waiting", "Events that wait until the account of their alias is known.", registry=r
        )
        self.publish_seconds = Histogram(
            "keepwell_publish_seconds", "From a publish to the broker's answer.", buckets=_FAST, registry=r
        )
        self.publish_failures = Counter(
            "keepwell_publish_failures_total", "Publishes that failed or were not confirmed in time.", registry=r
        )
        self.lag = Gauge("keepwell_lag_records", "Records not yet handled, in what is held.", ["topic"], registry=r)
        self.held_partitions = Gauge("keepwell_held_partitions", "Partition numbers that this worker owns.", registry=r)
        self.records = Counter("keepwell_records_total", "Records handled.", ["topic"], registry=r)
        self.repeats = Counter("keepwell_repeated_events_total", "Events seen before, and not counted.", registry=r)
        self.batch_seconds = Histogram(
            "keepwell_batch_seconds", "One batch: from the read to the commit.", buckets=_FAST, registry=r
        )
        self.batch_failures = Counter(
            "keepwell_batch_failures_total", "Batches rolled back and tried again.", registry=r
        )
        self.dead_letters = Counter(
            "keepwell_dead_letters_total", "Records that could not be read.", ["topic"], registry=r
        )
        self.outbox = Gauge("keepwell_outbox_messages", "Messages decided and not yet published.", registry=r)
        self.timers = Gauge("keepwell_timers", "Timers that are set.", registry=r)
        self.rev_gaps = Counter("keepwell_assessment_gaps_total", "Assessments dropped: not the next one.", registry=r)
        self.event_to_effect = Histogram(
            "keepwell_event_to_effect_seconds",
            "From ingest accepting an event to what it caused: scored, decided, delivered.",
            ["effect"],
            buckets=_ROAD,
            registry=r,
        )
        self.deliveries = Counter(
            "keepwell_deliveries_total", "Deliveries that came to an end.", ["channel", "state"], registry=r
        )

    def text(self) -> bytes:
        """Everything in Prometheus's text format."""
        return generate_latest(self.registry)
