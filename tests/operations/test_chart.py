"""The Helm chart, rendered by Helm and judged by Kubernetes' own schemas and by muscgen's settings."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import kubernetes_validate
import pytest
import typer
import yaml
from jsonschema import Draft202012Validator, ValidationError

from muscgen.cli.app import app
from muscgen.settings import Settings, load
from tests.operations.charts import CHART, HELM, ROOT, chosen, custom, helm, of_kind, pods_of, rendered, told
from tests.operations.programs import program

KINDS = sorted(path.stem for path in (HELM / "values").glob("*.yaml"))
SCHEMA = json.loads((CHART / "values.schema.json").read_text())
EMPTY_HOME = "storage.home.kind=empty,storage.bucket.url=s3://songs/x,settings.audit=off"
KEYS = ("watermark_keys", "signing_key", "signing_certificates", "link_keys", "webhook_secrets")


def installed(kind):
    return rendered("--values", str(HELM / f"values/{kind}.yaml"))


def with_values(*pairs):
    return rendered(*(part for pair in pairs for part in ("--set", pair)))


def ours(manifests):
    return {name: pod for name, pod in pods_of(manifests).items() if not name.endswith("-queue")}


def test_helm_has_nothing_to_complain_of():
    for kind in KINDS:
        command = [helm(), "lint", "--strict", "--values", str(HELM / f"values/{kind}.yaml"), str(CHART)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("version", ["1.30", "1.37"])
def test_kubernetes_would_take_what_is_rendered(kind, version):
    judged = 0
    for manifest in installed(kind):
        schema = custom().get((manifest["apiVersion"], manifest["kind"]))
        if schema is None:
            kubernetes_validate.validate(manifest, version, strict=True)
            judged += 1
        else:
            Draft202012Validator(schema).validate(manifest)
        assert len(manifest["metadata"]["name"]) <= 63
    assert judged >= 8


@pytest.mark.parametrize(
    ("kind", "change"),
    [
        ("ScaledObject", {"minReplicas": 1}),
        ("ScaledObject", {"fallback": {"replicas": 1}}),
        ("ServiceMonitor", {"endpoints": [{"port": "http", "interval": "15 seconds"}]}),
        ("ServiceMonitor", {"endpoint": []}),
        ("PrometheusRule", {"groups": [{"name": "x", "rules": [{"alert": "x"}]}]}),
    ],
)
def test_a_slip_in_what_is_not_of_kubernetes_itself_would_be_seen(kind, change):
    (name,) = (key for key in custom() if key[1] == kind)
    manifest = next(one for each in KINDS for one in of_kind(installed(each), kind).values())
    judge = Draft202012Validator(custom()[name])
    judge.validate(manifest)
    with pytest.raises(ValidationError):
        judge.validate(manifest | {"spec": manifest["spec"] | change})


@pytest.mark.parametrize("kind", KINDS)
def test_whatever_points_at_pods_finds_them(kind):
    manifests = installed(kind)
    pods = {name: pod["metadata"]["labels"] for name, pod in pods_of(manifests).items()}
    for of in ("Deployment", "StatefulSet"):
        for name, one in of_kind(manifests, of).items():
            found = {
                pod for pod, labels in pods.items() if chosen(one["spec"]["selector"]["matchLabels"], labels)
            }
            assert found == {name}
    for of in ("Service", "NetworkPolicy", "PodDisruptionBudget"):
        for one in of_kind(manifests, of).values():
            spec = one["spec"]
            selector = spec["selector"] if of == "Service" else (spec.get("selector") or spec["podSelector"])
            assert any(chosen(selector.get("matchLabels", selector), labels) for labels in pods.values()), one
    for of in ("HorizontalPodAutoscaler", "ScaledObject"):
        for one in of_kind(manifests, of).values():
            target = of_kind(manifests, "Deployment")[one["spec"]["scaleTargetRef"]["name"]]
            assert "replicas" not in target["spec"]  # or every upgrade would undo what was scaled


@pytest.mark.parametrize("kind", KINDS)
def test_pods_start_with_settings_and_commands_that_muscgen_knows(kind, tmp_path):
    secrets = {"watermark_keys": f"1:{'ab' * 32}"}
    for name, pod in ours(installed(kind)).items():
        assert pod["spec"]["enableServiceLinks"] is False
        for container in [*pod["spec"].get("initContainers", []), *pod["spec"]["containers"]]:
            environment = {each["name"]: each["value"] for each in container["env"]}
            for variable, path in environment.items():
                if variable.endswith("_FILE"):
                    file = tmp_path / Path(path).name
                    file.write_text(secrets.get(file.name, "redis://elsewhere"))
                    environment[variable] = str(file)
            settings = load(environment)
            assert settings.home == Path("/data")
            assert settings.redis_url, name
            arguments = container["args"]
            command = typer.main.get_command(app)
            while arguments and arguments[0] in getattr(command, "commands", {}):
                command, arguments = command.commands[arguments[0]], arguments[1:]
            with command.make_context("muscgen", list(arguments)):
                pass


@pytest.mark.parametrize("kind", KINDS)
def test_pods_may_do_little_and_have_time_to_drain(kind):
    for name, pod in pods_of(installed(kind)).items():
        spec = pod["spec"]
        assert spec["securityContext"]["runAsNonRoot"]
        assert spec["automountServiceAccountToken"] is False
        for container in [*spec.get("initContainers", []), *spec["containers"]]:
            context = container["securityContext"]
            assert context["readOnlyRootFilesystem"]
            assert not context["allowPrivilegeEscalation"]
            assert context["capabilities"] == {"drop": ["ALL"]}
        if name.endswith("-queue"):
            continue
        environment = {each["name"]: each["value"] for each in spec["containers"][0]["env"]}
        assert spec["terminationGracePeriodSeconds"] >= float(environment["MUSCGEN_DRAIN_S"]) + 15
        assert {"startupProbe", "livenessProbe", "readinessProbe"} <= spec["containers"][0].keys()
        assert spec["securityContext"]["runAsUser"] == 10001
    assert "USER 10001:10001" in (ROOT / "deploy/Dockerfile").read_text()


def test_images_are_those_of_the_recipe():
    targets = set(re.findall(r"(?m)^FROM \S+ AS (\S+)", (ROOT / "deploy/Dockerfile").read_text()))
    named = ours(with_values("image.repository=reg.example/muscgen", "image.version=1.2.3"))
    tags = {
        container["image"].partition(":")[2]
        for pod in [*named.values(), *ours(installed("gpu")).values()]
        for container in pod["spec"]["containers"]
    }
    assert "api-1.2.3" in tags
    assert {tag.removesuffix("-1.2.3") for tag in tags} == {"api", "worker-cpu", "worker-cuda"} <= targets


def test_a_worker_has_the_secrets_that_are_its_business():
    manifests = installed("bucket")
    held = {
        name: {
            item["key"]
            for volume in pod["spec"]["volumes"]
            for item in volume.get("secret", {}).get("items", [])
        }
        for name, pod in ours(manifests).items()
    }
    assert held["music-muscgen-worker-small"] == {"watermark_keys", "signing_key", "signing_certificates"}
    assert held["music-muscgen-api"] == {*KEYS, "api_keys"}
    made = of_kind(with_values("secrets.values.watermark_keys=1:abcd"), "Secret")
    assert made["music-muscgen-settings"]["stringData"] == {"watermark_keys": "1:abcd"}


def test_every_model_and_hardware_has_a_deployment_of_its_own():
    deployments = of_kind(installed("gpu"), "Deployment")
    assert deployments.keys() == {
        "music-muscgen-api",
        "music-muscgen-worker-tiny",
        "music-muscgen-worker-small-l4",
    }
    gpu = deployments["music-muscgen-worker-small-l4"]["spec"]["template"]["spec"]["containers"][0]
    assert gpu["args"] == ["worker", "--models", "musicgen-small"]
    assert gpu["resources"]["limits"] == {"nvidia.com/gpu": 1, "memory": "16Gi"}
    assert {"name": "MUSCGEN_SLOTS", "value": "16"} in gpu["env"]


def test_what_a_worker_says_goes_before_the_defaults():
    scaled = "workerDefaults.autoscaling.enabled=true"
    url = "keda.prometheusUrl=http://prometheus:9090"
    assert "music-muscgen-worker-tiny" in of_kind(with_values(scaled, url), "ScaledObject")
    plain = with_values(scaled, url, "workers.tiny.autoscaling.enabled=false")
    assert of_kind(plain, "ScaledObject") == {}
    least = with_values(scaled, url, "workerDefaults.autoscaling.min=2", "workers.tiny.autoscaling.min=0")
    assert of_kind(least, "ScaledObject")["music-muscgen-worker-tiny"]["spec"]["minReplicaCount"] == 0
    large = of_kind(with_values("workers.tiny.settings.cache_bytes=5000000000"), "Deployment")
    pod = large["music-muscgen-worker-tiny"]["spec"]["template"]["spec"]
    assert {"name": "MUSCGEN_CACHE_BYTES", "value": "5000000000"} in pod["containers"][0]["env"]
    assert of_kind(with_values("workers.tiny=null"), "Deployment").keys() == {"music-muscgen-api"}
    none = with_values("workers.tiny.replicas=0")
    assert of_kind(none, "Deployment")["music-muscgen-worker-tiny"]["spec"]["replicas"] == 0


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (["wrokers.tiny.model=x"], "wrokers"),
        (["workers.tiny.hardware=tpu"], "hardware"),
        (["workers.other.model=x"], "hardware"),
        (["settings.metrics_port=1"], "metrics_port"),
        (["secrets.existing=s", "secrets.names={password}"], "secrets"),
        (["api.ingress.enabled=true"], "host"),
        (["queue.url=http://queue"], "url"),
        (["queue.url=redis://queue"], "one queue"),
        (["queue.bundled.enabled=false"], "one queue"),
        (["workers.tiny.autoscaling.enabled=true"], "keda.prometheusUrl"),
        (["storage.home.kind=empty"], "storage.bucket.url"),
        ([EMPTY_HOME], "would make its own watermark_keys"),
        ([EMPTY_HOME.replace("off", "warn"), *(f"secrets.values.{key}=x" for key in KEYS)], "audit"),
        (["secrets.names={api_keys}"], "name that Secret"),
        (["acceptedModels[0].id=x", "acceptedModels[0].by=y"], "with a claim, accept once"),
    ],
)
def test_values_that_cannot_be_are_refused_with_words(values, words):
    done = told(*(part for value in values for part in ("--set", value)))
    assert done.returncode != 0
    assert words in done.stderr


def test_the_schema_knows_the_settings_of_muscgen():
    fields = set(Settings.model_fields)
    definitions = SCHEMA["definitions"]
    assert set(definitions["secret"]["enum"]) <= fields
    assert set(definitions["settings"]["propertyNames"]["not"]["enum"]) <= fields
    hidden = {name for name, field in Settings.model_fields.items() if field.repr is False}
    assert hidden == set(definitions["secret"]["enum"]) | {"signing_key"}


def test_prometheus_finds_api_and_workers_under_the_names_of_the_alerts():
    manifests = installed("zero")
    monitor = of_kind(manifests, "ServiceMonitor")["music-muscgen"]["spec"]
    (expression,) = monitor["selector"]["matchExpressions"]
    ports = set()
    for service in of_kind(manifests, "Service").values():
        labels = service["metadata"]["labels"]
        assert labels[monitor["jobLabel"]] == "muscgen"
        if labels[expression["key"]] in expression["values"]:
            ports |= {port["name"] for port in service["spec"]["ports"]}
    assert ports == {each["port"] for each in monitor["endpoints"]} == {"http", "metrics"}
    rules = of_kind(installed("gpu"), "PrometheusRule")["music-muscgen"]["spec"]
    assert rules == yaml.safe_load((ROOT / "deploy/prometheus/alerts.yaml").read_text())


def test_workers_are_scaled_by_what_waits_and_runs_and_by_nothing_while_redis_is_away(tmp_path):
    promtool = program("promtool", "apt-get install prometheus")
    scaled = of_kind(installed("zero"), "ScaledObject")["music-muscgen-worker-small-gpu"]["spec"]
    query = scaled["triggers"][0]["metadata"]["query"]
    labels = 'model="musicgen-small", namespace="music"'

    def replica(pod):
        seen = {"queue_retrying": 1, "queue_running": 7}
        seen |= {f'queue_depth{{priority="{each}"}}': 20 for each in ("normal", "batch")}
        yield {"series": f'muscgen_queue_up{{namespace="music", pod="{pod}"}}', "values": "1 1 0 1"}
        for name, value in seen.items():
            metric, _, more = name.removesuffix("}").partition("{")
            told = f'muscgen_{metric}{{{labels}, pod="{pod}"{", " if more else ""}{more}}}'
            yield {"series": told, "values": f"_ {value} stale _"}

    def at(minute, value):
        samples = [] if value is None else [{"labels": "{}", "value": value}]
        return {"expr": query, "eval_time": f"{minute}m", "exp_samples": samples}

    series = [*replica("a"), *replica("b")]  # two replicas of the API tell of one queue
    expected = [at(0, 0), at(1, 48), at(2, None), at(3, 0)]
    tests = {"interval": "1m", "input_series": series, "promql_expr_test": expected}
    file = tmp_path / "scaling.yaml"
    file.write_text(yaml.safe_dump({"rule_files": [], "evaluation_interval": "1m", "tests": [tests]}))
    done = subprocess.run([promtool, "test", "rules", str(file)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert scaled["minReplicaCount"] == 0
    assert scaled["fallback"]["replicas"] == 1
