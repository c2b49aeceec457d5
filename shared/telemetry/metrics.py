"""Figures in Prometheus's text format."""

from collections.abc import Iterator
from itertools import accumulate
from typing import Final

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.registry import Collector

from shared.figures import Figure, Figures

CONTENT_TYPE: Final = CONTENT_TYPE_LATEST


class _Shown(Collector):
    """Reads the figures when it is asked, so that nothing is kept beside them."""

    def __init__(self, figures: Figures) -> None:
        self._figures = figures

    def collect(self) -> Iterator[Metric]:
        info = GaugeMetricFamily("keepwell_service_info", "Which service this is.", labels=["service"])
        info.add_metric([self._figures.service], 1)
        yield info
        for figure in self._figures.all.values():
            if isinstance(figure, Figure):
                family = CounterMetricFamily if figure.kind == "counter" else GaugeMetricFamily
                shown = family(figure.name, figure.says, labels=figure.labels)
                for labels, value in figure.values.items():
                    shown.add_metric(labels, value)
                yield shown
                continue
            histogram = HistogramMetricFamily(figure.name, figure.says, labels=figure.labels)
            bounds = [*(str(float(bound)) for bound in figure.buckets), "+Inf"]
            for labels, counts in figure.counts.items():
                histogram.add_metric(labels, list(zip(bounds, accumulate(counts), strict=True)), figure.sums[labels])
            yield histogram


def text(figures: Figures) -> bytes:
    """Everything, with what the process takes of the machine."""
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    registry.register(_Shown(figures))
    return generate_latest(registry)
