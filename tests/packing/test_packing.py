"""What a pack holds is checked by the programs that will read it: hadolint, the compose program, Kubernetes' schemas."""

import ast
import base64
import hashlib
import json
import re
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import kubernetes_validate
import pytest
import yaml

from metier.bundles import verify
from metier.cli import program
from metier.cli.serve import serve
from metier.errors import BundleError, CallError
from metier.packing import PackSettings, check_target, measured_memory, name_of, write_pack
from metier.packing.folder import filled_templates
from metier.packing.program import pinned_requirements

BUNDLE = Path(__file__).parents[1] / "bundles" / "sealed_71959d8" / "linear.v1"
SETTINGS = PackSettings(
    name="banking", image="registry.example.org/nlp/banking:3", memory_bytes=100 << 20, threads=2
)
MANIFESTS = ("deployment", "service", "autoscaler", "disruption-budget", "network-policy")
KUBERNETES = "1.33"


@pytest.fixture(scope="module")
def packed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("packs") / "deploy"
    write_pack(BUNDLE, folder, SETTINGS)
    return folder


def tool(name):
    """The program of a package that is installed beside this Python."""
    return str(Path(sysconfig.get_path("scripts"), name))


def checked(*command, cwd):
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def documents(folder):
    return {
        name: yaml.safe_load((folder / "kubernetes" / f"{name}.yaml").read_text("utf-8")) for name in MANIFESTS
    }


@pytest.mark.parametrize("name", ["Dockerfile", "sagemaker/Dockerfile"])
def test_hadolint_finds_nothing_to_say_about_the_images(packed, name):
    assert checked(tool("hadolint"), "--no-color", name, cwd=packed) == ""


def test_hadolint_would_have_said_something(packed, tmp_path):
    worse = (packed / "Dockerfile").read_text("utf-8").replace("-slim-bookworm", ":latest")
    (tmp_path / "Dockerfile").write_text(worse, "utf-8")
    assert subprocess.run([tool("hadolint"), "Dockerfile"], cwd=tmp_path, capture_output=True).returncode == 1


def test_the_image_runs_as_nobody_without_a_shell(packed):
    text = (packed / "Dockerfile").read_text("utf-8")
    last = text[text.rindex("\nFROM ") :]
    assert "\nUSER 10001:10001\n" in last
    assert "\nHEALTHCHECK " in last
    commands = re.findall(r"^(?:RUN|CMD|ENTRYPOINT|\s+CMD) +(.*)$", text, re.MULTILINE)
    assert len(commands) == 5
    assert all(json.loads(command) for command in commands)  # The form that starts no shell.
    assert re.fullmatch(
        r"python:3\.\d+\.\d+-slim-bookworm( AS build)?", re.findall("^FROM (.*)$", text, re.M)[0]
    )


def test_compose_takes_the_composition_and_would_refuse_a_wrong_one(packed, tmp_path):
    folder = tmp_path / "deploy"
    shutil.copytree(packed, folder)
    for name in ("grafana-password.txt", "prometheus-key.txt"):
        (folder / name).write_text("secret", "utf-8")
    compose = tool("docker-compose")
    given = yaml.safe_load(checked(compose, "-f", "compose.yaml", "config", cwd=folder))
    assert given["services"].keys() == {"metier", "prometheus", "grafana"}
    assert given["services"]["metier"]["mem_limit"] == str(SETTINGS.memory_limit << 20)
    for service in given["services"].values():
        assert {port["host_ip"] for port in service["ports"]} == {"127.0.0.1"}
        assert service["cap_drop"] == ["ALL"]
    mounted = [one["source"] for one in given["services"]["grafana"]["volumes"] if one["type"] == "bind"]
    assert len(mounted) == 3
    assert all(Path(source).is_file() for source in mounted)
    wrong = (folder / "compose.yaml").read_text("utf-8").replace("read_only:", "readonly:")
    (folder / "compose.yaml").write_text(wrong, "utf-8")
    assert subprocess.run([compose, "config", "-q"], cwd=folder, capture_output=True).returncode != 0


def test_every_metric_of_the_dashboard_is_one_of_the_service(packed):
    from prometheus_client.exposition import generate_latest

    from metier.serving.metrics import Metrics

    metrics = Metrics()
    metrics.count_request("POST", "/v1/predict", 200, 0.1)
    metrics.count_answers(["linear.v1"])
    known = set(re.findall(r"^(\w+)", generate_latest(metrics.registry).decode(), re.MULTILINE))
    dashboard = json.loads((packed / "compose" / "dashboard.json").read_text("utf-8"))
    asked = {target["expr"] for panel in dashboard["panels"] for target in panel["targets"]}
    used = {name for expression in asked for name in re.findall(r"(?:metier|process)_\w+", expression)}
    assert used
    assert used <= known
    autoscaler = documents(packed)["autoscaler"]
    assert autoscaler["spec"]["metrics"][0]["pods"]["metric"]["name"] in known


@pytest.mark.parametrize("name", MANIFESTS)
def test_kubernetes_takes_every_manifest(packed, name):
    found = kubernetes_validate.validate(documents(packed)[name], KUBERNETES, strict=True)
    assert found == KUBERNETES  # The version whose schemas took it.


def test_kubernetes_would_refuse_a_wrong_one(packed):
    deployment = documents(packed)["deployment"]
    deployment["spec"]["template"]["spec"]["containers"][0]["readynessProbe"] = {}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(deployment, KUBERNETES, strict=True)


def test_the_pod_of_kserve_is_one_that_kubernetes_takes(packed):
    service = yaml.safe_load((packed / "kserve" / "inference-service.yaml").read_text("utf-8"))
    assert service["apiVersion"] == "serving.kserve.io/v1beta1"
    predictor = service["spec"]["predictor"]
    own = {"minReplicas", "maxReplicas", "scaleMetric", "scaleTarget", "timeout"}
    assert own <= predictor.keys()
    pod = {key: value for key, value in predictor.items() if key not in own}
    whole = {"apiVersion": "v1", "kind": "Pod", "metadata": service["metadata"], "spec": pod}
    kubernetes_validate.validate(whole, KUBERNETES, strict=True)
    assert pod["containers"][0]["name"] == "kserve-container"  # The name that KServe looks for.


def test_the_manifests_agree_with_one_another(packed):
    found = documents(packed)
    template = found["deployment"]["spec"]["template"]
    labels = template["metadata"]["labels"]
    for selector in (
        found["deployment"]["spec"]["selector"]["matchLabels"],
        found["service"]["spec"]["selector"],
        found["disruption-budget"]["spec"]["selector"]["matchLabels"],
        found["network-policy"]["spec"]["podSelector"]["matchLabels"],
    ):
        assert selector.items() <= labels.items()
    assert found["autoscaler"]["spec"]["scaleTargetRef"]["name"] == found["deployment"]["metadata"]["name"]
    (container,) = template["spec"]["containers"]
    assert container["resources"]["requests"] == {"cpu": "2", "memory": "128Mi"}
    assert container["resources"]["limits"]["memory"] == "224Mi"
    listed = yaml.safe_load((packed / "kubernetes" / "kustomization.yaml").read_text("utf-8"))["resources"]
    assert sorted(listed) == sorted(f"{name}.yaml" for name in MANIFESTS)


def test_every_path_that_is_probed_is_one_of_the_service(packed):
    from metier.serving.endpoints import endpoints

    known = {endpoint.path for endpoint in endpoints()}
    text = "\n".join(
        path.read_text("utf-8") for path in packed.rglob("*") if path.is_file() and path.suffix in ("", ".yaml")
    )
    probed = set(re.findall(r"httpGet: \{path: ([^,]+),", text)) | set(
        re.findall(r"127\.0\.0\.1:\d+(/\w+)'", text)
    )
    assert probed == {"/readyz", "/healthz", "/ping"}
    assert probed | {"/metrics", "/invocations"} <= known


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")
def test_systemd_takes_the_unit_and_finds_it_closed(packed, tmp_path):
    text = (packed / "systemd" / "metier.service").read_text("utf-8")
    unit = tmp_path / "metier.service"
    unit.write_text(text.replace("/opt/metier/bin/metier", sys.executable), "utf-8")
    said = checked("systemd-analyze", "verify", str(unit), cwd=tmp_path)
    assert "metier.service" not in said
    done = checked("systemd-analyze", "security", "--offline=true", "--threshold=15", str(unit), cwd=tmp_path)
    assert "OK" in done


def test_the_wheel_is_whole_and_the_same_each_time(packed, tmp_path):
    (wheel,) = packed.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        (record,) = [name for name in names if name.endswith("/RECORD")]
        lines = [line.rsplit(",", 2) for line in archive.read(record).decode().splitlines()]
        assert sorted(name for name, _, _ in lines) == sorted(names)
        for name, digest, _ in lines[:-1]:
            own = base64.urlsafe_b64encode(hashlib.sha256(archive.read(name)).digest()).rstrip(b"=").decode()
            assert digest == f"sha256={own}"
    assert {"metier/packing/templates/Dockerfile.j2", "metier/cli/zh.yaml"} <= set(names)
    write_pack(BUNDLE, tmp_path / "again", SETTINGS)
    assert (tmp_path / "again" / wheel.name).read_bytes() == wheel.read_bytes()


@pytest.mark.slow
def test_pip_installs_the_wheel_and_it_answers(packed, tmp_path):
    (wheel,) = packed.glob("*.whl")
    pip = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--no-index"]
    checked(*pip, "--target", str(tmp_path / "site"), str(wheel), cwd=tmp_path)
    ask = "import metier; print(metier.__file__); print(metier.load(r'%s').predict(['my card']))" % (
        packed / "bundle"
    )
    path = f"import sys; sys.path.insert(0, {str(tmp_path / 'site')!r}); "
    assert str(tmp_path / "site") in checked(sys.executable, "-I", "-c", path + ask, cwd=tmp_path)


def test_requirements_are_exact_and_hold_no_torch():
    lines = pinned_requirements()
    assert all(re.fullmatch(r"[a-z0-9-]+==[^\s;]+", line) for line in lines)
    names = {line.partition("==")[0] for line in lines}
    assert {"fastapi", "onnxruntime", "starlette", "pydantic-core"} <= names
    assert not names & {"torch", "transformers", "metier"}


def test_the_bundle_in_a_pack_is_sealed_as_it_was(packed):
    assert verify(packed / "bundle") == verify(BUNDLE)
    facts = json.loads((packed / "pack.json").read_text("utf-8"))
    there = {path.relative_to(packed).as_posix() for path in packed.rglob("*") if path.is_file()}
    assert set(facts["files"]) | {"pack.json"} == there


def test_the_entry_of_sagemaker_is_python(packed):
    ast.parse((packed / "sagemaker" / "serve.py").read_text("utf-8"))
    ignored = (packed / ".dockerignore").read_text("utf-8")
    assert "!sagemaker/serve.py" in ignored


def test_a_folder_that_is_there_stays(packed, tmp_path):
    with pytest.raises(CallError, match="Add --overwrite"):
        write_pack(BUNDLE, packed, SETTINGS)
    write_pack(BUNDLE, packed, SETTINGS, overwrite=True)
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "thesis.txt").write_text("years of work", "utf-8")
    with pytest.raises(CallError, match="was not written by metier pack"):
        check_target(mine, overwrite=True)
    (tmp_path / "link").symlink_to(packed)
    with pytest.raises(CallError, match="was not written by metier pack"):
        check_target(tmp_path / "link", overwrite=True)


def test_an_altered_bundle_leaves_nothing(tmp_path):
    bundle = tmp_path / "bundle"
    shutil.copytree(BUNDLE, bundle)
    (bundle / "README.md").write_text("other words", "utf-8")
    with pytest.raises(BundleError):
        write_pack(bundle, tmp_path / "deploy", SETTINGS)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bundle"]


@pytest.mark.parametrize("name", ["Banking", "1st", "a-", "银行", "x" * 41, "a b", "a\nUSER root"])
def test_names_that_kubernetes_refuses_are_refused(name, tmp_path):
    with pytest.raises(CallError, match="--name"):
        write_pack(BUNDLE, tmp_path / "deploy", SETTINGS.model_copy(update={"name": name}))


@pytest.mark.parametrize("image", ["", "a b", 'x"\nUSER root', "Image", "x:"])
def test_images_that_cannot_be_called_so_are_refused(image, tmp_path):
    with pytest.raises(CallError, match="name of an image"):
        write_pack(BUNDLE, tmp_path / "deploy", SETTINGS.model_copy(update={"image": image}))


@pytest.mark.parametrize(
    ("folder", "name"),
    [
        ("runs/2026-11-22T10-15-03-banking", "t10-15-03-banking"),
        ("Cascade.v1", "cascade-v1"),
        ("银行", "model"),
    ],
)
def test_a_service_is_named_after_its_folder(folder, name):
    assert name_of(Path(folder)) == name


def test_every_service_beyond_this_machine_asks_for_keys(packed):
    started = [json.loads(re.findall(r"^CMD (.*)$", (packed / "Dockerfile").read_text("utf-8"), re.M)[-1])]
    deployment = documents(packed)["deployment"]["spec"]["template"]["spec"]
    kserve = yaml.safe_load((packed / "kserve" / "inference-service.yaml").read_text("utf-8"))["spec"][
        "predictor"
    ]
    for pod in (deployment, kserve):
        started.append(pod["containers"][0]["args"])
        (before,) = pod["initContainers"]
        compile(before["command"][2], "keys", "exec")
        mounted = {mount["mountPath"] for mount in pod["containers"][0]["volumeMounts"]}
        assert mounted == {"/tmp", "/keys"}
        assert {mount["mountPath"] for mount in before["volumeMounts"]} == {"/secret", "/keys"}
    known = {option for one in serve.params for option in one.opts}
    for args in started:
        assert args[args.index("--keys") + 1] == "/keys/keys.json"
        assert {word for word in args if word.startswith("--")} <= known
    assert "--host 127.0.0.1 " in (packed / "systemd" / "metier.service").read_text("utf-8")


def test_the_copy_of_the_keys_is_their_owners_alone(packed, tmp_path):
    program_text = documents(packed)["deployment"]["spec"]["template"]["spec"]["initContainers"][0]["command"][
        2
    ]
    (tmp_path / "given.json").write_text("[]", "utf-8")
    text = program_text.replace("/secret/keys.json", str(tmp_path / "given.json"))
    exec(text.replace("/keys/keys.json", str(tmp_path / "keys.json")), {})  # Our own template.
    assert (tmp_path / "keys.json").read_text("utf-8") == "[]"
    assert (tmp_path / "keys.json").stat().st_mode & 0o777 == 0o600


def test_every_template_is_filled(packed):
    filled = filled_templates(SETTINGS, verify(BUNDLE))
    assert not [
        name for name, text in filled.items() if re.search(r"\{%|(?<!\$)\{\{(?!status|answered|instance)", text)
    ]
    assert SETTINGS.image in filled["kubernetes/deployment.yaml"]


def test_the_memory_of_a_service_is_measured():
    assert 30 << 20 < measured_memory(BUNDLE) < 1 << 30


def test_a_bundle_that_is_not_served_is_named(tmp_path):
    with pytest.raises(BundleError, match="did not become ready"):
        measured_memory(tmp_path)


def test_the_command_says_what_was_not_built(tmp_path, capsys):
    folder = tmp_path / "deploy"
    args = ["pack", str(BUNDLE), "--out", str(folder), "--name", "bank", "--memory", "100"]
    assert program.run(args) == 0
    said = capsys.readouterr().err
    assert "not built: an image needs a base image" in said
    assert f"next: docker build --tag bank:1 {folder}" in said
    assert program.run(args) == 2
    assert "Add --overwrite" in capsys.readouterr().err
    assert program.run([*args, "--overwrite", "--lang", "zh"]) == 0
    assert "未构建镜像" in capsys.readouterr().err
    assert program.run([*args, "--overwrite", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["name"] == "bank"
