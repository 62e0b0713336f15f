"""Local time of each API: seasons are lived in the API's own time zone, daylight saving included."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np

from ml_sidecar.errors import ConfigError
from ml_sidecar.features import Array, Entity

_HOUR = 3600.0


@lru_cache(maxsize=100_000)
def _offset(zone: str, hour: int) -> float:
    """UTC offset in seconds at the start of the given hour since the epoch."""
    delta = datetime.fromtimestamp(hour * _HOUR, ZoneInfo(zone)).utcoffset()
    return delta.total_seconds() if delta is not None else 0.0


class LocalTime:
    """Time zone per API.

    Args:
        default: IANA name for every API that `zones` does not name.
        zones: IANA name by api_name.

    Raises:
        ConfigError: a name is no time zone.
    """

    def __init__(self, default: str = "UTC", zones: Mapping[str, str] | None = None) -> None:
        self.default = default
        self.zones = dict(zones or {})
        for field, name in (("time_zone", default), *((f"time_zones.{k}", v) for k, v in self.zones.items())):
            try:
                ZoneInfo(name)
            except (ZoneInfoNotFoundError, ValueError) as error:
                raise ConfigError(
                    "time zone", field, f"{name!r} is no IANA time zone such as Europe/Lisbon"
                ) from error

    def zone(self, entity: Entity) -> str:
        """IANA name of the API's time zone."""
        return self.zones.get(entity.api_name, self.default)

    def local(self, times: Array, entities: Sequence[Entity]) -> Array:
        """Local seconds since the epoch, shape (T, A): `% 86400` is the time of day, `// 86400` the local date.

        1970-01-01 was a Thursday, so that `(local // 86400 + 3) % 7` is 0 on a Monday.
        """
        hours, inverse = np.unique(np.floor(times / _HOUR).astype(np.int64), return_inverse=True)
        zones = [self.zone(entity) for entity in entities]
        columns = {
            zone: np.array([_offset(zone, int(hour)) for hour in hours])[inverse]
            for zone in dict.fromkeys(zones)
        }
        if not zones:
            return np.empty((len(times), 0))
        return np.asarray(times[:, None] + np.stack([columns[zone] for zone in zones], axis=1))
