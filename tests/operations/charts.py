"""The chart as Helm renders it, and the shapes of what operators of others' add to Kubernetes."""

from __future__ import annotations

import functools
import subprocess
from pathlib import Path
from typing import Any

import yaml

from tests.operations.programs import program

ROOT = Path(__file__).parents[2]
HELM = ROOT / "deploy/helm"
CHART = HELM / "muscgen"
Manifest = dict[str, Any]


def helm() -> str:
    return program("helm", "scripts/tools")


@functools.cache
def rendered(*arguments: str) -> tuple[Manifest, ...]:
    """What `helm template music` with these arguments makes; a Helm that complains is a failure."""
    done = told(*arguments)
    assert done.returncode == 0, done.stderr
    return tuple(found for found in yaml.safe_load_all(done.stdout) if found)


def told(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [helm(), "template", "music", str(CHART), "--namespace", "music", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def of_kind(manifests: tuple[Manifest, ...], kind: str) -> dict[str, Manifest]:
    return {one["metadata"]["name"]: one for one in manifests if one["kind"] == kind}


def pods_of(manifests: tuple[Manifest, ...]) -> dict[str, Manifest]:
    """The pod template of everything that runs, by its name."""
    running = [one for one in manifests if one["kind"] in ("Deployment", "StatefulSet")]
    return {one["metadata"]["name"]: one["spec"]["template"] for one in running}


def chosen(selector: dict[str, str], labels: dict[str, str]) -> bool:
    return selector.items() <= labels.items()


def _object(required: tuple[str, ...] = (), **properties: Any) -> Manifest:
    return {
        "type": "object",
        "additionalProperties": False,
        "required": list(required),
        "properties": properties,
    }


_TEXT, _NUMBER = {"type": "string"}, {"type": "integer"}
_TEXTS = {"type": "object", "additionalProperties": _TEXT}
_SELECTOR = _object(matchLabels=_TEXTS, matchExpressions={"type": "array", "items": {"type": "object"}})
# As their custom resource definitions have it (KEDA 2.15, Prometheus Operator 0.75), as far as we use them.
SHAPES = {
    ("keda.sh/v1alpha1", "ScaledObject"): _object(
        ("scaleTargetRef", "triggers"),
        scaleTargetRef=_object(("name",), apiVersion=_TEXT, kind=_TEXT, name=_TEXT),
        pollingInterval=_NUMBER,
        cooldownPeriod=_NUMBER,
        minReplicaCount=_NUMBER,
        maxReplicaCount=_NUMBER,
        fallback=_object(("failureThreshold", "replicas"), failureThreshold=_NUMBER, replicas=_NUMBER),
        advanced=_object(
            horizontalPodAutoscalerConfig=_object(
                behavior=_object(scaleDown=_object(stabilizationWindowSeconds=_NUMBER | {"maximum": 3600}))
            )
        ),
        triggers={
            "type": "array",
            "minItems": 1,
            "items": _object(("type", "metadata"), type={"const": "prometheus"}, metadata=_TEXTS),
        },
    ),
    ("monitoring.coreos.com/v1", "ServiceMonitor"): _object(
        ("selector", "endpoints"),
        jobLabel=_TEXT,
        selector=_SELECTOR,
        endpoints={
            "type": "array",
            "items": _object(port=_TEXT, path=_TEXT, interval={"type": "string", "pattern": "^[0-9]+(s|m)$"}),
        },
    ),
    ("monitoring.coreos.com/v1", "PrometheusRule"): _object(
        ("groups",),
        groups={
            "type": "array",
            "items": _object(
                ("name", "rules"),
                name=_TEXT,
                rules={
                    "type": "array",
                    "items": _object(
                        ("alert", "expr"),
                        alert=_TEXT,
                        expr=_TEXT,
                        labels=_TEXTS,
                        annotations=_TEXTS,
                        **{"for": _TEXT},
                    ),
                },
            ),
        },
    ),
}
