"""What a person chooses at the top of a dashboard."""

from __future__ import annotations

from typing import Final, Literal

from grafanalib.core import HIDE_VARIABLE, SHOW, Template, Templating

from collector import contract as raw
from dashboards.queries import ENVIRONMENT
from ml_sidecar import contract as ml

Choice = Literal["any", "one", "hidden"]
"""Whether a dashboard is about any number of APIs, about single ones, or about none."""

_OUR_PROCESSES: Final = (
    f"{raw.UPTIME.name}|{ml.LAST_SCORE.name}|prometheus_build_info|alertmanager_build_info"
)


def variables(apis: Choice, *, processes: bool = False) -> Templating:
    """Return data source, environment and API, and the processes where a dashboard is about them.

    A dashboard about single APIs has no "All": hundreds of APIs would each draw their rows. Several can be chosen all
    the same, and must be: Grafana escapes a name for use in a regular expression only in variables of several values.
    """
    source = ml.RECORDED[ml.SUCCESS_RATE]
    everything = apis != "one"
    chosen = [
        Template("datasource", "prometheus", type="datasource", label="Data source", default="prometheus"),
        _label("environment", "Environment", f"label_values({source}, environment)", everything=everything),
        _label(
            "api_name",
            "API",
            f"label_values({source}{{{ENVIRONMENT}}}, api_name)",
            everything=everything,
            hide=HIDE_VARIABLE if apis == "hidden" else SHOW,
        ),
    ]
    if processes:
        ours = f'{{__name__=~"{_OUR_PROCESSES}"}}'
        chosen += [
            _label("job", "Job", f"label_values({ours}, job)"),
            _label("instance", "Process", 'label_values(up{job=~"$job"}, instance)'),
        ]
    return Templating(chosen)


def _label(name: str, title: str, query: str, *, everything: bool = True, hide: int = SHOW) -> Template:
    return Template(
        name,
        query,
        label=title,
        multi=True,
        includeAll=everything,
        allValue=".*" if everything else None,
        refresh=2,
        hide=hide,
    )
