"""Images that can't be pulled, built anew from distribution packages under the same names.

A stand-in has the official image's paths, ports, user and entry point, as far as docker-compose.yml leans on them.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tests.compose.engine import CACHE, SCRATCH, install
from tests.compose.shell import CommandError, run

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT: Final = Path(__file__).resolve().parents[2]
BUNDLE: Final = Path("/etc/ssl/certs/ca-certificates.crt")
PYTHON_IMAGE: Final = re.findall(
    r"^ARG PYTHON_IMAGE=(\S+)", (ROOT / "Dockerfile").read_text("utf-8"), re.MULTILINE
)[0]
LABEL: Final = "org.rapidapi-ml.stand-in"
_INCLUDED: Final = "python3,python3-venv,ca-certificates,busybox"
_SERVER: Final = """\
FROM {base}
COPY bin/ /usr/bin/
COPY share/ /usr/share/prometheus/
RUN install -d -o 65534 -g 65534 /{name} /etc/{name}
EXPOSE {port}
VOLUME /{name}
WORKDIR /{name}
USER nobody
ENTRYPOINT ["/bin/{name}"]
CMD {command}
"""


def identity(image: str) -> str | None:
    """The image's digest, None where the engine has no such image."""
    try:
        return run("docker", "image", "inspect", "--format", "{{.Id}}", image).strip()
    except CommandError:
        return None


def stands_in(image: str) -> bool:
    """Whether a present image is a stand-in, or built on one."""
    return LABEL in run("docker", "image", "inspect", "--format", "{{json .Config.Labels}}", image)


def provide(image: str, tell: Callable[[str], None]) -> bool:
    """Pull the image or build its stand-in; return whether it is there now."""
    if identity(image):
        tell(f"{image}: {'stand-in of an earlier run' if stands_in(image) else 'present'}")
        return True
    try:
        run("docker", "pull", image)
    except CommandError as error:
        tell(f"{image}: can't be pulled ({_without_address(error.said)})")
    else:
        tell(f"{image}: pulled")
        return True
    build = _BUILDERS.get(image.split(":", maxsplit=1)[0])
    if build is None:
        return False
    build(image)
    tell(f"{image}: stand-in built from distribution packages")
    return True


def _without_address(words: str) -> str:
    """The engine's last sentence; whom this machine asks is nobody else's business."""
    text = re.sub(r'"?https?://[^\s"]+"?', "the registry", words.splitlines()[-1])
    return re.sub(r"lookup \S+?( on \S+)?: ", "lookup of its name: ", text)[:300]


def _mirror() -> tuple[str, str]:
    """Mirror and suite that this machine's own apt configuration names."""
    codename = re.findall(
        r"^VERSION_CODENAME=(\w+)", Path("/etc/os-release").read_text("utf-8"), re.MULTILINE
    )[0]
    rows = run(
        "apt-get", "indextargets", "--format", "$(REPO_URI) $(RELEASE) $(COMPONENT)", "Created-By: Packages"
    )
    for row in rows.splitlines():
        uri, suite, component = row.split()
        if (suite, component) == (codename, "main"):
            return uri, suite
    raise CommandError(["apt-get", "indextargets"], 0, f"names no mirror for {codename}/main")


def _python(image: str) -> None:
    archive = CACHE / "python-root.tar"
    if not archive.exists():
        with tempfile.TemporaryDirectory(dir=SCRATCH) as folder:
            root = Path(folder, "root")
            install("debootstrap")
            mirror, suite = _mirror()
            command = ("debootstrap", "--variant=minbase", f"--include={_INCLUDED}", suite, str(root), mirror)
            run(*command, timeout=800)  # with what the tests leave of the processors
            _furnish(root)
            run("tar", "--directory", str(root), "--create", "--file", str(Path(folder, "root.tar")), ".")
            Path(folder, "root.tar").rename(archive)
    changes = [
        "ENV PATH=/usr/local/bin:/usr/bin:/bin",
        f"LABEL {LABEL}=python",
        'CMD ["python"]',
    ]
    run("docker", "import", *(f"--change={change}" for change in changes), str(archive), image)


def _furnish(root: Path) -> None:
    """What pip and the health checks need: the machine's certificates and settings, `python` and `wget`."""
    shutil.copyfile(BUNDLE, root / "etc/ssl/certs/ca-certificates.crt")
    settings = {"cert": str(BUNDLE)}
    for line in run(sys.executable, "-m", "pip", "config", "list").splitlines():
        key, _, value = line.partition("=")
        name = key.rpartition(".")[2]
        if name in {"index-url", "trusted-host", "proxy", "timeout", "default-timeout"}:
            settings[name] = value.strip("'")
    text = "".join(f"{name} = {value}\n" for name, value in settings.items())
    (root / "etc/pip.conf").write_text(f"[global]\n{text}", encoding="utf-8")
    (root / "usr/local/bin/python").symlink_to("/usr/bin/python3")
    (root / "usr/local/bin/wget").symlink_to("/usr/bin/busybox")
    for folder in (
        "var/cache/apt",
        "var/lib/apt/lists",
        "usr/share/doc",
        "usr/share/locale",
        "usr/share/man",
    ):
        shutil.rmtree(root / folder, ignore_errors=True)


def _download(package: str, folder: Path) -> None:
    """Download a package, with the machine's lists or, where it has none, after having fetched them."""
    command = ("apt-get", "-o", "APT::Sandbox::User=root", "download", package)
    try:
        run(*command, cwd=folder)
    except CommandError:
        run("apt-get", "update", "-qq")
        run(*command, cwd=folder)


def _server(package: str, name: str, tool: str, port: int, command: str) -> Callable[[str], None]:
    def build(image: str) -> None:
        if not identity(PYTHON_IMAGE):
            _python(PYTHON_IMAGE)
        with tempfile.TemporaryDirectory(dir=SCRATCH) as folder:
            context = Path(folder)
            _download(package, context)
            (deb,) = context.glob("*.deb")
            run("dpkg", "-x", str(deb), str(context / "unpacked"))
            deb.unlink()
            (context / "bin").mkdir()
            for program in (tool, name):
                shutil.copy(
                    context / "unpacked/usr/bin" / (package if program == name else program),
                    context / "bin" / program,
                )
            (context / "unpacked/usr/share/prometheus").rename(context / "share")
            shutil.rmtree(context / "unpacked")
            text = _SERVER.format(base=PYTHON_IMAGE, name=name, port=port, command=command)
            (context / "Dockerfile").write_text(text, encoding="utf-8")
            classic = {**os.environ, "DOCKER_BUILDKIT": "0"}
            label = f"--label={LABEL}={package}"
            run("docker", "build", "--network=none", label, "--tag", image, str(context), env=classic)

    return build


_BUILDERS: Final[dict[str, Callable[[str], None]]] = {
    PYTHON_IMAGE.split(":", maxsplit=1)[0]: _python,
    "prom/prometheus": _server(
        "prometheus", "prometheus", "promtool", 9090,
        '["--config.file=/etc/prometheus/prometheus.yml", "--storage.tsdb.path=/prometheus"]',
    ),
    "prom/alertmanager": _server(
        "prometheus-alertmanager", "alertmanager", "amtool", 9093,
        '["--config.file=/etc/alertmanager/alertmanager.yml", "--storage.path=/alertmanager"]',
    ),
}  # fmt: skip
