"""Configuration: one strict file for what is watched, environment variables for how this process runs.

Environment variables override the file. Each error names its source, its field and what to write instead.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    HttpUrl,
    TypeAdapter,
    ValidationError,
    model_validator,
)

from ml_sidecar.errors import ConfigError
from ml_sidecar.features import Direction, Feature
from ml_sidecar.results import budget_of, threshold_of

DEFAULT_FILE = Path(__file__).with_name("sidecar.yml")
_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(s|m|h|d)")
_SECONDS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")


def parse_duration(value: object) -> float:
    """Seconds in a number or in a text such as 90s, 5m, 1h or 7d.

    Raises:
        ValueError: it is neither.
    """
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return float(value)
    found = _DURATION.fullmatch(str(value).strip())
    if not found:
        raise ValueError(f"{value!r} is no duration; write for example 15s, 5m, 1h or 7d")
    return float(found[1]) * _SECONDS[found[2]]


def _whole_hours(seconds: float) -> float:
    if seconds < 3600 or seconds % 3600:
        raise ValueError("a horizon is a whole number of hours, such as 1h")
    return seconds


Duration = Annotated[float, BeforeValidator(parse_duration), Field(gt=0)]
Horizon = Annotated[float, BeforeValidator(parse_duration), AfterValidator(_whole_hours)]
Label = Annotated[str, Field(pattern=r"^[a-zA-Z_][a-zA-Z0-9_]*$")]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class EntityLabels(_Strict):
    """Labels of the source that identify an API."""

    api_name: Label = "api_name"
    environment: Label = "environment"


class FeatureConfig(_Strict):
    """One feature as the file states it; see `features.Feature` for the meaning of the fields."""

    expr: Annotated[str, Field(min_length=1)]
    direction: Direction
    minimum: float = float("-inf")
    maximum: float = float("inf")
    smallest_deviation: Annotated[float, Field(ge=0)] = 0.0
    smallest_deviation_ratio: Annotated[float, Field(ge=0)] = 0.0
    unit: Literal["percent", "seconds", "per_minute", "ratio", "bytes", "none"] = "none"
    title: str = ""
    forecast: bool = False

    @model_validator(mode="after")
    def _range(self) -> Self:
        if not self.minimum < self.maximum:
            raise ValueError(f"minimum {self.minimum:g} must be below maximum {self.maximum:g}")
        return self

    def feature(self, name: str) -> Feature:
        """The same as the models' own type."""
        return Feature(name=name, **self.model_dump(exclude={"forecast"}))


class ExcludedSpan(_Strict):
    """A span that was known to be bad and is not learnt as normal."""

    start: AwareDatetime
    end: AwareDatetime
    api_name: str | None = None

    @model_validator(mode="after")
    def _order(self) -> Self:
        if not self.start < self.end:
            raise ValueError("start must lie before end")
        return self


class FileConfig(_Strict):
    """The file sidecar.yml."""

    entity_labels: EntityLabels = EntityLabels()
    time_zone: str = "UTC"
    time_zones: dict[str, str] = {}
    features: Annotated[dict[Label, FeatureConfig], Field(min_length=1)]
    horizons: Annotated[tuple[Horizon, ...], Field(min_length=1)] = (3600.0, 7200.0, 10800.0)
    excluded_spans: tuple[ExcludedSpan, ...] = ()
    export: Literal["full", "core"] = "full"
    max_series: Annotated[int, Field(ge=100)] = 1_000_000


Url = Annotated[str, AfterValidator(lambda u: str(TypeAdapter(HttpUrl).validate_python(u)) and u)]


class Environment(_Strict):
    """Settings of this process, from environment variables of the same name in capitals."""

    prometheus_url: Url = "http://127.0.0.1:9090"
    prometheus_export_interval: Duration = 15.0
    prometheus_metrics_retention_hours: Annotated[float, Field(ge=24)] = 168.0
    prometheus_lookback_seconds: Duration = 90.0
    prometheus_timeout_seconds: Duration = 10.0
    ml_training_interval_hours: Annotated[float, Field(gt=0)] = 24.0
    ml_min_training_samples: Annotated[int, Field(ge=1)] = 1000
    ml_anomaly_threshold: Annotated[float, Field(gt=0, lt=1)] | None = None
    ml_false_alarm_budget_per_week: Annotated[float, Field(gt=0)] | None = None
    ml_profile_hours: Annotated[float, Field(ge=24)] = 840.0
    models_dir: Path = Path("models")
    environment: Annotated[str, Field(min_length=1)] = "production"
    sidecar_host: str = "127.0.0.1"
    sidecar_port: Annotated[int, Field(ge=0, le=65535)] = 8080
    grafana_url: Url | None = None
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"] = "INFO"
    log_levels: dict[str, str] = {}
    log_file: Path | None = None

    @model_validator(mode="after")
    def _one_knob(self) -> Self:
        threshold, budget = self.ml_anomaly_threshold, self.ml_false_alarm_budget_per_week
        if threshold is not None and budget is not None and abs(threshold_of(budget) - threshold) > 0.005:
            raise ValueError(
                f"ML_ANOMALY_THRESHOLD {threshold:g} promises {budget_of(threshold):.3g} false alarms per API and "
                f"week, ML_FALSE_ALARM_BUDGET_PER_WEEK says {budget:g}; they are one knob, set one of them"
            )
        return self

    @property
    def threshold(self) -> float:
        """Score from which on an anomaly is told, 0 to 1."""
        if self.ml_false_alarm_budget_per_week is not None:
            return threshold_of(self.ml_false_alarm_budget_per_week)
        return 0.7 if self.ml_anomaly_threshold is None else self.ml_anomaly_threshold

    @property
    def budget(self) -> float:
        """False episodes per API and week that the threshold promises."""
        return budget_of(self.threshold)


class Config(_Strict):
    """All settings of the sidecar."""

    source: Path
    file: FileConfig
    env: Environment

    @property
    def features(self) -> tuple[Feature, ...]:
        """All features, in the file's order."""
        return tuple(feature.feature(name) for name, feature in self.file.features.items())

    @property
    def forecast_features(self) -> tuple[Feature, ...]:
        """The features that are forecast."""
        return tuple(f.feature(name) for name, f in self.file.features.items() if f.forecast)

    def public(self) -> dict[str, Any]:
        """Settings as JSON-able values, without secrets."""
        shown: dict[str, Any] = self.model_dump(mode="json", exclude={"source"})
        for name in ("prometheus_url", "grafana_url"):
            shown["env"][name] = shown["env"][name] and _without_credentials(shown["env"][name])
        shown["source"] = self.source.name
        return shown


def _without_credentials(url: str) -> str:
    return re.sub(r"//[^/@]*@", "//", url)


def _first_problem(source: str, error: ValidationError, *, capitals: bool = False) -> ConfigError:
    problem = error.errors()[0]
    parts = [str(part) for part in problem["loc"] if part != "[key]"]
    field = ".".join(parts).upper() if capitals else ".".join(parts)
    if problem["type"] == "extra_forbidden":
        return ConfigError(source, field, "unknown key; remove it or correct its spelling")
    if problem["type"] == "missing":
        return ConfigError(source, field, "is required")
    message = problem["msg"].removeprefix("Value error, ")
    shown = problem["input"]
    if isinstance(shown, (str, int, float)) and repr(shown) not in message:
        message = f"{message}, got {shown!r}"
    return ConfigError(source, field, message.replace("Input should", "should", 1))


class _Loader(yaml.SafeLoader):
    """Safe loader that refuses a key given twice instead of keeping the last."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[Any] = set()
        for key, _ in node.value:
            name = self.construct_object(key, deep=True)
            if name in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {name!r} stands twice", key.start_mark
                )
            seen.add(name)
        return super().construct_mapping(node, deep)


def read_file(path: Path) -> FileConfig:
    """Read and check a file of settings.

    Raises:
        ConfigError: it cannot be read, is no YAML, or a field is wrong.
    """
    try:
        content = yaml.load(path.read_text(encoding="utf-8"), _Loader)  # noqa: S506 - a subclass of SafeLoader
    except OSError as error:
        raise ConfigError(str(path), "", f"cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(str(path), "", "is not UTF-8 text") from error
    except yaml.YAMLError as error:
        raise ConfigError(str(path), "", f"is no valid YAML: {' '.join(str(error).split())}") from error
    if not isinstance(content, dict):
        raise ConfigError(str(path), "", "is empty; it needs at least `features:`")
    try:
        return FileConfig.model_validate(content)
    except ValidationError as error:
        raise _first_problem(str(path), error) from error


def _secret(variables: Mapping[str, str], name: str) -> str | None:
    """Value of a variable, or of the file that its *_FILE sister names."""
    plain, path = variables.get(name), variables.get(f"{name}_FILE")
    if plain is not None and path is not None:
        raise ConfigError("environment", name, f"set either {name} or {name}_FILE, not both")
    if path is None:
        return plain
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except OSError as error:
        raise ConfigError(
            "environment", f"{name}_FILE", f"{path} cannot be read: {error.strerror}"
        ) from error


def _log_levels(text: str) -> dict[str, str]:
    levels = {}
    for part in filter(None, (p.strip() for p in text.split(","))):
        name, _, level = part.partition("=")
        if level.upper() not in _LEVELS:
            raise ConfigError(
                "environment",
                "LOG_LEVELS",
                f"{part!r} is not logger=LEVEL with a level of {', '.join(_LEVELS)}",
            )
        levels[name.strip()] = level.upper()
    return levels


def read_environment(variables: Mapping[str, str]) -> Environment:
    """Read the settings of this process; empty variables count as not set.

    Raises:
        ConfigError: a variable has a value that does not fit.
    """
    known = {name: name.upper() for name in Environment.model_fields}
    found: dict[str, Any] = {}
    for field, name in known.items():
        value = _secret(variables, name) if field == "prometheus_url" else variables.get(name)
        if value not in (None, ""):
            found[field] = value
    if "log_levels" in found:
        found["log_levels"] = _log_levels(found["log_levels"])
    if "log_level" in found:
        found["log_level"] = found["log_level"].upper()
    try:
        return Environment.model_validate(found)
    except ValidationError as error:
        raise _first_problem("environment", error, capitals=True) from error


def load_config(path: Path | None = None, variables: Mapping[str, str] | None = None) -> Config:
    """All settings: the file (SIDECAR_CONFIG or the one shipped, unless given) and the environment.

    Raises:
        ConfigError: anything in them is wrong.
    """
    variables = os.environ if variables is None else variables
    chosen = path or Path(variables.get("SIDECAR_CONFIG") or DEFAULT_FILE)
    return Config(source=chosen, file=read_file(chosen), env=read_environment(variables))
