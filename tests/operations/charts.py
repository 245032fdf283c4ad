"""The chart as Helm renders it, and what operators of others' say of their own resources."""

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


@functools.cache
def custom() -> dict[tuple[str, str], Manifest]:
    """JSON Schemas of what operators add to Kubernetes, as their custom resource definitions have it.

    Kubernetes drops fields that a definition does not know without a word; here they are refused.
    """
    from cloudcoil.models.keda.v1alpha1 import ScaledObject
    from cloudcoil.models.prometheus_operator.v1 import PrometheusRule, ServiceMonitor

    return {
        ("keda.sh/v1alpha1", "ScaledObject"): _closed(ScaledObject.model_json_schema(by_alias=True)),
        ("monitoring.coreos.com/v1", "ServiceMonitor"): _closed(
            ServiceMonitor.model_json_schema(by_alias=True)
        ),
        ("monitoring.coreos.com/v1", "PrometheusRule"): _closed(
            PrometheusRule.model_json_schema(by_alias=True)
        ),
    }


def _closed(schema: Any) -> Any:
    """The schema without the right to further fields, wherever it names some."""
    if isinstance(schema, list):
        return [_closed(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {name: _closed(each) for name, each in schema.items()}
    return {"additionalProperties": False} | closed if isinstance(schema.get("properties"), dict) else closed
