"""The sidecar's error tree.

SidecarError
├── ConfigError            a setting or a file of settings is wrong
├── ReaderError            Prometheus could not be read
│   ├── PrometheusUnreachableError
│   ├── QueryError         Prometheus refused or failed the query
│   └── DuplicateSeriesError   an expression gave two samples for one API
├── StoreError             models on disk
│   ├── ModelCorruptError
│   ├── ModelVersionError
│   └── StateCorruptError
├── TrainingError
│   └── NotEnoughDataError
├── NotTrainedError        a result was asked for that needs a trained model
├── UnknownApiError
├── PortTakenError         the sidecar's port is in use
└── ReplayError            an input file of replay is wrong
"""

from __future__ import annotations


class SidecarError(Exception):
    """Base of every error the sidecar raises on purpose; its message says what to do."""


class ConfigError(SidecarError):
    """A setting is wrong.

    Attributes:
        source: file or environment variable at fault.
        field: dotted path of the field, empty where the whole source is at fault.
    """

    def __init__(self, source: str, field: str, problem: str) -> None:
        self.source = source
        self.field = field
        self.problem = problem
        super().__init__(f"{source}: {field}: {problem}" if field else f"{source}: {problem}")


class ReaderError(SidecarError):
    """Prometheus could not be read."""


class PrometheusUnreachableError(ReaderError):
    """No usable answer came from the server."""

    def __init__(self, url: str, reason: str) -> None:
        self.url = url
        self.reason = reason
        super().__init__(
            f"Prometheus at {url} is unreachable: {reason}; check PROMETHEUS_URL and that it runs"
        )


class QueryError(ReaderError):
    """The server refused or failed a query."""

    def __init__(self, expression: str, reason: str) -> None:
        self.expression = expression
        self.reason = reason
        super().__init__(f"Prometheus refused the query {expression!r}: {reason}")


class DuplicateSeriesError(ReaderError):
    """An expression gave more than one sample for one API, so that it is unclear which to believe."""

    def __init__(self, feature: str, api_name: str, count: int) -> None:
        self.feature = feature
        self.api_name = api_name
        self.count = count
        super().__init__(
            f"features.{feature}.expr gives {count} samples for the API {api_name!r}; aggregate it, "
            "for example max by (api_name, environment) (...)"
        )


class StoreError(SidecarError):
    """A model could not be stored or loaded."""


class ModelCorruptError(StoreError):
    """A model file does not have the digest that its metadata states."""


class ModelVersionError(StoreError):
    """A model file was written by another version of a library or of the sidecar."""


class StateCorruptError(StoreError):
    """A state file of the store cannot be read."""


class TrainingError(SidecarError):
    """A training run gave no usable models."""


class NotEnoughDataError(TrainingError):
    """The history is too short to learn from.

    Attributes:
        samples: rows there are, pooled over all APIs.
        needed: rows needed.
    """

    def __init__(self, samples: int, needed: int) -> None:
        self.samples = samples
        self.needed = needed
        super().__init__(
            f"{samples} rows of history, {needed} needed (ML_MIN_TRAINING_SAMPLES); training is tried again later"
        )


class NotTrainedError(SidecarError):
    """A result was asked for that needs a trained model."""


class UnknownApiError(SidecarError):
    """No API of this name reports."""

    def __init__(self, api_name: str, known: list[str]) -> None:
        self.api_name = api_name
        self.known = known
        super().__init__(f"no API named {api_name!r}; known: {', '.join(sorted(known)) or 'none'}")


class PortTakenError(SidecarError):
    """Another process listens where the sidecar is to serve."""

    def __init__(self, host: str, port: int) -> None:
        self.host = host
        self.port = port
        super().__init__(
            f"port {port} on {host} is taken; stop what uses it, or choose another with SIDECAR_PORT=<port>"
        )


class ReplayError(SidecarError):
    """An input of replay is wrong."""
