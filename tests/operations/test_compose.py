"""compose.yaml: judged by the specification's own parser, and against what it starts and watches."""

from __future__ import annotations

import json
import re
import subprocess

import pytest
import yaml
from compose_spec import PyCompose

from muscgen.settings import load
from tests.operations.charts import ROOT
from tests.operations.programs import program

DEPLOY = ROOT / "deploy"
VARIABLE = re.compile(r"\$\{(\w+)(?::([-?])([^}]*))?\}")
SECRETS = {"MUSCGEN_WATERMARK_KEYS": f"1:{'ab' * 32}"}


def interpolated(value, given):
    """As compose does; a variable that must be given is an error without."""
    if isinstance(value, dict):
        return {name: interpolated(part, given) for name, part in value.items()}
    if isinstance(value, list):
        return [interpolated(part, given) for part in value]
    if not isinstance(value, str):
        return value

    def resolve(found):
        name, kind, words = found.groups()
        if kind == "?" and not given.get(name):
            raise LookupError(f"{name}: {words}")
        return given.get(name) or (words if kind == "-" else "")

    return VARIABLE.sub(resolve, value.replace("$$", "\0")).replace("\0", "$")


def composed(**given):
    content = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
    return {name: interpolated(part, given) for name, part in content.items() if not name.startswith("x-")}


@pytest.fixture(scope="module")
def house():
    return composed(**SECRETS)


def example(uncommented=False):
    text = (DEPLOY / ".env.example").read_text()
    lines = re.findall(r"(?m)^#?([A-Z_]+)=(.*)$" if uncommented else r"(?m)^([A-Z_]+)=(.*)$", text)
    return dict(lines)


def test_the_specification_knows_every_word_of_it(house):
    spoken = PyCompose.from_json(json.dumps(house))
    assert {
        "queue",
        "api",
        "worker-cpu",
        "worker-cuda",
        "proxy",
        "minio",
        "bucket",
        "prometheus",
        "grafana",
    } == set(spoken.service_names())
    misspelt = house | {"services": {"api": {"image": "x", "prots": ["8000:8000"]}}}
    with pytest.raises(ValueError, match="prots"):
        PyCompose.from_json(json.dumps(misspelt))


def test_it_does_not_start_without_the_keys_that_all_workers_need():
    with pytest.raises(LookupError, match="WATERMARK_KEYS"):
        composed(**example())


def test_profiles_add_what_they_are_named_for(house):
    by_profile = {}
    for name, service in house["services"].items():
        for profile in service.get("profiles", [None]):
            by_profile.setdefault(profile, set()).add(name)
    assert by_profile == {
        None: {"queue", "api", "worker-cpu", "proxy"},
        "gpu": {"worker-cuda"},
        "minio": {"minio", "bucket"},
        "metrics": {"prometheus", "grafana"},
    }
    for service in house["services"].values():
        wanted_ones = service.get("depends_on", {})
        for name, wanted in wanted_ones.items() if isinstance(wanted_ones, dict) else ():
            theirs, ours = house["services"][name].get("profiles"), service.get("profiles", [])
            optional = theirs is not None and not set(theirs) & set(ours)
            assert wanted.get("required", True) is not optional


@pytest.mark.parametrize("bucket", [False, True])
def test_api_and_workers_get_settings_that_muscgen_knows_and_time_to_drain(bucket):
    given = (example(uncommented=True) if bucket else {}) | SECRETS | {"AWS_SECRET_ACCESS_KEY": "s" * 32}
    house = composed(**given)
    for name in ("api", "worker-cpu", "worker-cuda"):
        service = house["services"][name]
        environment = {
            key: given.get(key, "") if value is None else value
            for key, value in service["environment"].items()
        }
        settings = load(environment | {"MUSCGEN_HOME": "/data"})
        assert settings.artifacts_url == ("s3://muscgen/songs" if bucket else None)
        assert settings.redis_url.startswith("redis://queue:")
        assert float(service["stop_grace_period"].removesuffix("s")) >= settings.drain_s + 15
        assert settings.metrics_port == (0 if name == "api" else 9100)
    bucket_name = given.get("MUSCGEN_ARTIFACTS_URL", "s3://muscgen/songs").split("/")[2]
    assert house["services"]["bucket"]["command"][-1] == f"there/{bucket_name}"


def test_images_are_built_of_targets_that_there_are(house):
    targets = set(re.findall(r"(?m)^FROM \S+ AS (\S+)", (DEPLOY / "Dockerfile").read_text()))
    built = {service["build"]["target"] for service in house["services"].values() if "build" in service}
    assert {"api", "worker-cpu", "worker-cuda"} == built <= targets


def test_prometheus_and_the_proxy_look_where_the_services_are(house):
    ports = {
        name: {port.partition("/")[0] for port in service.get("expose", [])}
        for name, service in house["services"].items()
    }
    watching = yaml.safe_load((DEPLOY / "prometheus/prometheus.yaml").read_text())
    watched = set()
    for job in watching["scrape_configs"]:
        for found in job["dns_sd_configs"]:
            for name in found["names"]:
                assert str(found["port"]) in ports[name]
                watched.add(name)
    assert watched == {"api", "worker-cpu", "worker-cuda"}
    upstream = re.search(r"server (\S+):(\d+) resolve", (DEPLOY / "nginx.conf").read_text())
    assert upstream[2] in ports[upstream[1]]
    sources = yaml.safe_load((DEPLOY / "grafana/provisioning/datasources/prometheus.yaml").read_text())
    assert sources["datasources"][0]["url"] == "http://prometheus:9090"
    for service in house["services"].values():
        for mount in service.get("volumes", []):
            place = mount.split(":")[0]
            assert (DEPLOY / place).exists() if place.startswith(".") else place in house["volumes"]


def test_promtool_has_nothing_to_complain_of():
    promtool = program("promtool", "apt-get install prometheus")
    command = [promtool, "check", "config", str(DEPLOY / "prometheus/prometheus.yaml")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
