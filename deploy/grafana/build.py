"""Writes muscgen.json, the dashboard: rows of panels, each a title, a unit and its queries.

python deploy/grafana/build.py > deploy/grafana/muscgen.json
"""

from __future__ import annotations

import json
from typing import Any

BY_MODEL = 'model=~"$model"'
RATE = "$__rate_interval"
Query = tuple[str, str]  # expression, legend


def quantile(share: float, metric: str, labels: str = BY_MODEL, by: str = "model") -> str:
    return f"histogram_quantile({share}, sum by (le, {by}) (rate({metric}_bucket{{{labels}}}[{RATE}])))"


def rate(metric: str, labels: str, by: str) -> str:
    return f"sum by ({by}) (rate({metric}{{{labels}}}[{RATE}]))"


ROWS: dict[str, list[tuple[str, str, list[Query]]]] = {
    "Queue": [
        ("Jobs that wait", "short", [(f"max by (model, priority) (muscgen_queue_depth{{{BY_MODEL}}})", "{{model}} {{priority}}")]),
        ("The oldest has waited", "s", [(f"max by (model, priority) (muscgen_queue_oldest_seconds{{{BY_MODEL}}})", "{{model}} {{priority}}")]),
        ("Running, and slots", "short", [
            (f"max by (model) (muscgen_queue_running{{{BY_MODEL}}})", "{{model}} running"),
            (f"max by (model) (muscgen_slots{{{BY_MODEL}}})", "{{model}} slots"),
        ]),
        ("Wait before the first claim", "s", [(quantile(q, "muscgen_queue_wait_seconds"), f"{{{{model}}}} p{round(100 * q)}") for q in (0.5, 0.95)]),
        ("Took / was told", "short", [(quantile(q, "muscgen_eta_ratio"), f"{{{{model}}}} p{round(100 * q)}") for q in (0.5, 0.9)]),
        ("Dead letters, retries", "short", [
            (f"max by (model) (muscgen_dead_letters{{{BY_MODEL}}})", "{{model}} dead"),
            (f"max by (model) (muscgen_queue_retrying{{{BY_MODEL}}})", "{{model}} retrying"),
        ]),
    ],
    "Songs": [
        ("Jobs that ended", "ops", [(rate("muscgen_jobs_finished_total", BY_MODEL, "model, state"), "{{model}} {{state}}")]),
        ("Seconds of music a second", "short", [(rate("muscgen_song_seconds_total", BY_MODEL, "model"), "{{model}}")]),
        ("First sound", "s", [(quantile(q, "muscgen_first_audio_seconds"), f"{{{{model}}}} p{round(100 * q)}") for q in (0.5, 0.95)]),
        ("Real-time factor of a song", "short", [(quantile(0.5, "muscgen_real_time_factor"), "{{model}}")]),
        ("Songs in a step", "short", [(f"{rate('muscgen_engine_song_steps_total', BY_MODEL, 'model')} / {rate('muscgen_engine_steps_total', BY_MODEL, 'model')}", "{{model}}")]),
        ("Steps", "ops", [(rate("muscgen_engine_steps_total", BY_MODEL, "instance, model"), "{{instance}} {{model}}")]),
        ("Cache", "ops", [(rate("muscgen_jobs_served_total", BY_MODEL, "cache"), "{{cache}}")]),
        ("Attempts", "ops", [(rate("muscgen_attempts_total", BY_MODEL, "attempt"), "{{attempt}}")]),
    ],
    "API": [
        ("Answers", "reqps", [(rate("muscgen_http_request_seconds_count", "", "status"), "{{status}}")]),
        ("POST /generate", "s", [(quantile(q, "muscgen_http_request_seconds", 'route="/generate", method="POST"', "route"), f"p{round(100 * q)}") for q in (0.5, 0.99)]),
        ("Refusals", "ops", [(rate("muscgen_refusals_total", "", "code"), "{{code}}")]),
        ("Webhooks", "ops", [(rate("muscgen_webhook_calls_total", "", "outcome"), "{{outcome}}")]),
    ],
    "Trust": [
        ("Watermark: likeness in finished files", "short", [(quantile(q, "muscgen_watermark_confidence", "", "job"), f"p{round(100 * q)}") for q in (0.05, 0.5)]),
        ("Watermark missed, audit missed", "short", [
            ("increase(muscgen_watermark_missed_total[1h])", "watermark {{instance}}"),
            ("increase(muscgen_audit_missed_total[1h])", "audit {{kind}}"),
        ]),
        ("Finishing", "s", [(quantile(q, "muscgen_finishing_seconds", "", "job"), f"p{round(100 * q)}") for q in (0.5, 0.95)]),
    ],
    "Machines": [
        ("Memory", "bytes", [('process_resident_memory_bytes{job=~"muscgen.*"}', "{{instance}}")]),
        ("Processor", "percentunit", [('rate(process_cpu_seconds_total{job=~"muscgen.*"}[' + RATE + "])", "{{instance}}")]),
        ("Open files", "short", [('process_open_fds{job=~"muscgen.*"}', "{{instance}}")]),
        ("GPU memory", "bytes", [("muscgen_gpu_memory_bytes", "{{instance}} {{device}} {{kind}}")]),
        ("Model loads", "s", [(quantile(0.5, "muscgen_model_load_seconds"), "{{model}}")]),
    ],
}  # fmt: skip
WIDTH, HEIGHT = 8, 7  # of 24 columns
SOURCE = {"type": "prometheus", "uid": "${source}"}


def panel(title: str, unit: str, queries: list[Query], at: int, top: int) -> dict[str, Any]:
    return {
        "type": "timeseries",
        "title": title,
        "datasource": SOURCE,
        "gridPos": {"x": at % 3 * WIDTH, "y": top + at // 3 * HEIGHT, "w": WIDTH, "h": HEIGHT},
        "fieldConfig": {"defaults": {"unit": unit, "min": 0, "custom": {"fillOpacity": 10}}, "overrides": []},
        "options": {"legend": {"displayMode": "list", "placement": "bottom"}, "tooltip": {"mode": "multi"}},
        "targets": [
            {
                "refId": chr(65 + i),
                "datasource": SOURCE,
                "expr": expr,
                "legendFormat": legend,
                "exemplar": True,
            }
            for i, (expr, legend) in enumerate(queries)
        ],
    }


def dashboard() -> dict[str, Any]:
    panels: list[dict[str, Any]] = []
    top = 0
    for name, row in ROWS.items():
        panels.append(
            {"type": "row", "title": name, "gridPos": {"x": 0, "y": top, "w": 24, "h": 1}, "panels": []}
        )
        panels += [panel(*one, at, top + 1) for at, one in enumerate(row)]
        top += 1 + -(-len(row) // 3) * HEIGHT
    for number, one in enumerate(panels, 1):
        one["id"] = number
    variables = [
        {"name": "source", "type": "datasource", "query": "prometheus", "label": "Prometheus"},
        {
            "name": "model", "type": "query", "label": "Model", "datasource": SOURCE, "multi": True,
            "includeAll": True, "refresh": 2, "query": {"query": "label_values(muscgen_workers, model)", "refId": "m"},
        },
    ]  # fmt: skip
    return {
        "title": "muscgen",
        "uid": "muscgen",
        "tags": ["muscgen"],
        "schemaVersion": 39,
        "editable": True,
        "refresh": "30s",
        "time": {"from": "now-6h", "to": "now"},
        "timezone": "",
        "templating": {"list": variables},
        "panels": panels,
    }


if __name__ == "__main__":
    print(json.dumps(dashboard(), indent=1))
