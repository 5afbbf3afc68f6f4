"""What holds for every container that we describe; ``make test-docker`` builds and runs them."""

import re
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
DOCKER = ROOT / "docker"
DOCKERFILES = {path.name: path.read_text() for path in DOCKER.glob("*.Dockerfile")}
SERVICES = yaml.safe_load((DOCKER / "compose.yaml").read_text())["services"]
GUIDE = (ROOT / "docs" / "containers.md").read_text().replace("\\\n", "")
ONE_SHOT = {
    name
    for service in SERVICES.values()
    for name, wanted in service.get("depends_on", {}).items()
    if wanted["condition"] == "service_completed_successfully"
}
MANIFESTS = list(yaml.safe_load_all((DOCKER / "kubernetes/serving-gpu.yaml").read_text()))
POD = MANIFESTS[0]["spec"]["template"]["spec"]


def dockerfile(service) -> str:
    """What its image is built from, for itself or for another service; none where it is pulled."""
    builds = [
        each["build"]
        for each in SERVICES.values()
        if "build" in each and each["image"] == service["image"]
    ]
    return DOCKERFILES[Path(builds[0]["dockerfile"]).name] if builds else ""


@pytest.mark.parametrize("service", SERVICES.values(), ids=SERVICES)
class TestService:
    def test_is_reached_from_this_machine_alone(self, service):
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", []))
        # Beside another service, which these tests hold too, or in a network of compose's own.
        assert service.get("network_mode", "service:").startswith("service:")

    def test_has_no_rights_that_it_does_not_need(self, service):
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]

    def test_is_no_root(self, service):
        users = re.findall(r"^USER (\S+)", dockerfile(service), re.MULTILINE)
        assert service.get("user", (users or ["root"])[-1]) not in {"root", "0"}

    def test_has_limits(self, service):
        assert service["deploy"]["resources"]["limits"].keys() == {"cpus", "memory", "pids"}

    def test_says_whether_it_is_well_or_ends(self, service):
        ends = any(service is SERVICES[name] for name in ONE_SHOT)
        assert ends or "healthcheck" in service or "\nHEALTHCHECK" in dockerfile(service)

    def test_has_its_password_from_the_environment(self, service):
        for name, value in service.get("environment", {}).items():
            assert "PASS" not in name or re.fullmatch(r"\$\{POSTGRES_PASSWORD(:\?.*)?\}", value)


def test_a_missing_password_is_said_with_the_line_to_write():
    [message] = re.findall(r":\?(.*)\}", SERVICES["postgres"]["environment"]["POSTGRES_PASSWORD"])
    assert "openssl rand" in message


def test_servers_end_before_they_are_killed():
    [serve] = POD["containers"]
    [_, pause] = serve["lifecycle"]["preStop"]["exec"]["command"]
    assert int(pause) + grace(serve["args"]) < POD["terminationGracePeriodSeconds"]
    for name in ("serving", "serving-gpu"):
        period = SERVICES[name]["stop_grace_period"].removesuffix("s")
        assert grace(SERVICES[name]["command"]) < int(period)


def grace(arguments):
    [option] = [each for each in arguments if each.startswith("--grace=")]
    return int(option.removeprefix("--grace="))


@pytest.mark.parametrize("name", ["postgres", "mlflow", "pipeline", "serving"])
def test_a_laptop_needs_no_profile(name):
    assert "profiles" not in SERVICES[name]


class TestGPU:
    def test_compose_verifies_there_before_it_serves(self):
        verify, serve = SERVICES["verify-gpu"], SERVICES["serving-gpu"]
        assert verify["command"][0] == "verify"
        assert verify["command"][-2:] == serve["command"][-2:] == ["--device", "gpu"]
        assert verify["deploy"] == serve["deploy"]
        assert verify["volumes"] == serve["volumes"]

    def test_kubernetes_verifies_there_before_it_serves(self):
        [verify], [serve] = POD["initContainers"], POD["containers"]
        assert verify["args"] == ["verify", serve["args"][1], "--device", "gpu"]
        assert serve["args"][-2:] == ["--device", "gpu"]
        for key in ("image", "resources", "volumeMounts"):
            assert verify[key] == serve[key]
        assert serve["resources"]["limits"]["nvidia.com/gpu"] == 1

    def test_a_pod_takes_traffic_only_when_ready_and_the_last_one_stays_until_then(self):
        [serve] = POD["containers"]
        assert serve["readinessProbe"]["httpGet"]["path"] == "/ready"
        assert serve["livenessProbe"]["httpGet"]["path"] == "/health"
        assert MANIFESTS[0]["spec"]["strategy"]["rollingUpdate"]["maxUnavailable"] == 0

    @pytest.mark.parametrize("container", POD["initContainers"] + POD["containers"])
    def test_a_pod_has_no_rights_that_it_does_not_need(self, container):
        assert POD["securityContext"]["runAsNonRoot"]
        assert container["securityContext"] == {
            "readOnlyRootFilesystem": True,
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
        }
        assert {"cpu", "memory"} <= container["resources"]["limits"].keys()

    def test_the_service_leads_to_the_pods(self):
        labels = MANIFESTS[0]["spec"]["template"]["metadata"]["labels"]
        assert MANIFESTS[1]["spec"]["selector"] == labels


class TestDockerfiles:
    def test_uv_is_that_of_the_set_up(self):
        [version] = re.findall(r"uv_version=(\S+)", (ROOT / "scripts/setup.sh").read_text())
        found = re.findall(r"uv==(\S+)", "".join(DOCKERFILES.values()))
        assert set(found) == {version}

    def test_beams_program_is_that_of_the_lock(self):
        packages = tomllib.loads((ROOT / "uv.lock").read_text())["package"]
        [locked] = [each["version"] for each in packages if each["name"] == "apache-beam"]
        found = re.findall(r"beam_python\S+_sdk:(\S+)", DOCKERFILES["beam-worker.Dockerfile"])
        assert found == [locked]

    @pytest.mark.parametrize("name", ["pipeline.Dockerfile", "serving.Dockerfile"])
    def test_packages_are_those_of_the_lock(self, name):
        assert "uv sync --frozen" in DOCKERFILES[name]

    def test_the_context_has_what_is_copied_and_no_secret(self):
        ignored = (ROOT / ".dockerignore").read_text().split("\n")
        let_in = {line[1:] for line in ignored if line.startswith("!")}
        copied = {
            source
            for text in DOCKERFILES.values()
            for line in re.findall(r"^COPY (?!--from)(.*) \S+$", text, re.MULTILINE)
            for source in line.split()
        }
        assert copied == let_in


class TestGuide:
    def test_its_files_are_there(self):
        named = {Path(file).name for file in re.findall(r"--file (docker/\S+)", GUIDE)}
        built = {
            Path(service["build"]["dockerfile"]).name
            for service in SERVICES.values()
            if "build" in service
        }
        assert named | built == {*DOCKERFILES, "compose.yaml"}

    def test_its_build_arguments_are_those_of_the_file(self):
        builds = re.findall(r"--file docker/(\S+) +--build-arg (\w+)=", GUIDE)
        assert builds
        assert all(f"\nARG {argument}=" in DOCKERFILES[name] for name, argument in builds)
