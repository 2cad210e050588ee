"""The launcher, run for real: in a checkout of its own, with locks of its own, and no network."""

import ast
import hashlib
import shutil
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
LAUNCHER = ROOT / "commons"
HEAVY = (
    "nacl",
    "aiohttp",
    "libp2p",
    "trio",
    "automerge",
    "aiosqlite",
    "sqlite3",
    "jinja2",
    "zeroconf",
    "babel",
)
COMMANDS = (
    *("run", "init", "found", "spaces", "invite", "join", "post", "feed", "import", "export"),
    *("peers", "status", "verify", "rebuild", "doctor", "config", "bench", "test"),
)
CLI = '''"""A command line that tells what it was given."""
import pathlib, sys, tiny
print(tiny.VERSION, sys.argv[1:], pathlib.Path.cwd().name)
sys.exit(7 if "fail" in sys.argv else 0)
'''


@dataclass(frozen=True)
class Checkout:
    """A folder with the launcher, two locks and a command line."""

    root: Path

    def run(self, *arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
        """Run the launcher to its end."""
        command = [sys.executable, str(self.root / "commons"), *arguments]
        return subprocess.run(command, cwd=cwd, check=False, capture_output=True, text=True)

    def write_wheel(self, name: str, version: str) -> Path:
        """Make a wheel that holds one module with a version."""
        wheel = self.root / f"{name}-{version}-py3-none-any.whl"
        about = f"{name}-{version}.dist-info"
        with zipfile.ZipFile(wheel, "w") as archive:
            archive.writestr(f"{name}.py", f'VERSION = "{name} {version}"\n')
            archive.writestr(f"{about}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
            archive.writestr(f"{about}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
            archive.writestr(f"{about}/RECORD", f"{name}.py,,\n{about}/METADATA,,\n{about}/WHEEL,,\n{about}/RECORD,,\n")
        return wheel

    def lock(self, lock: str, wheel: Path, digest: str = "") -> None:
        """Write a lock that names one wheel and its hash."""
        digest = digest or hashlib.sha256(wheel.read_bytes()).hexdigest()
        line = f"{wheel.name.split('-')[0]} @ {wheel.as_uri()} --hash=sha256:{digest}\n"
        (self.root / lock).write_text(line, encoding="utf-8")


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    made = Checkout(tmp_path_factory.mktemp("checkout"))
    shutil.copy(LAUNCHER, made.root)
    (made.root / "ui").mkdir()
    (made.root / "ui" / "__init__.py").write_text('"""The interface."""\n', encoding="utf-8")
    (made.root / "ui" / "cli.py").write_text(CLI, encoding="utf-8")
    made.lock("requirements-build.lock", made.write_wheel("builder", "1.0"))
    made.lock("requirements.lock", made.write_wheel("tiny", "1.0"))
    made.lock("requirements-test.lock", made.write_wheel("tester", "1.0"))
    return made


def test_the_launcher_needs_only_the_standard_library() -> None:
    tree = ast.parse(LAUNCHER.read_text(encoding="utf-8"))

    plain = {name.name.split(".")[0] for node in ast.walk(tree) if isinstance(node, ast.Import) for name in node.names}
    others = {str(node.module).split(".")[0] for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}

    assert plain | others <= sys.stdlib_module_names


def test_an_old_python_can_read_the_launcher_and_say_what_is_missing() -> None:
    ast.parse(LAUNCHER.read_text(encoding="utf-8"), feature_version=(3, 8))


def test_the_first_run_sets_up_and_hands_over_with_arguments_folder_and_exit_code(
    checkout: Checkout, tmp_path: Path
) -> None:
    first = checkout.run("post", "two words", cwd=tmp_path)
    second = checkout.run("fail", cwd=tmp_path)

    assert (first.returncode, first.stdout) == (0, f"tiny 1.0 ['post', 'two words'] {tmp_path.name}\n")
    assert "Setting up" in first.stderr
    assert (second.returncode, second.stderr) == (7, "")


def test_running_the_tests_adds_the_test_lock_and_starts_in_the_checkout(checkout: Checkout, tmp_path: Path) -> None:
    done = checkout.run("test", "-x", cwd=tmp_path)

    assert (done.returncode, done.stdout) == (0, f"tiny 1.0 ['test', '-x'] {checkout.root.name}\n")
    assert list((checkout.root / ".venv").rglob("tester.py")) != []


def test_a_changed_lock_is_installed_on_the_next_run(checkout: Checkout, tmp_path: Path) -> None:
    checkout.lock("requirements.lock", checkout.write_wheel("tiny", "1.1"))

    done = checkout.run(cwd=tmp_path)

    assert (done.returncode, done.stdout) == (0, f"tiny 1.1 [] {tmp_path.name}\n")
    assert "Setting up" in done.stderr


def test_a_package_that_differs_from_the_lock_starts_nothing(checkout: Checkout, tmp_path: Path) -> None:
    checkout.lock("requirements.lock", checkout.write_wheel("tiny", "1.2"), digest="0" * 64)

    done = checkout.run(cwd=tmp_path)

    assert (done.returncode, done.stdout) == (2, "")
    assert "Nothing was started." in done.stderr


def test_an_environment_whose_making_was_interrupted_is_made_again(checkout: Checkout, tmp_path: Path) -> None:
    checkout.lock("requirements.lock", checkout.write_wheel("tiny", "1.3"))
    for folder in (checkout.root / ".venv").rglob("site-packages/pip"):
        shutil.rmtree(folder)

    done = checkout.run(cwd=tmp_path)

    assert (done.returncode, done.stdout) == (0, f"tiny 1.3 [] {tmp_path.name}\n")


def run_cli(*arguments: str) -> tuple[str, list[str]]:
    """Run our command line in a fresh process; return what it printed and the heavy modules it imported."""
    code = (
        "import sys\nfrom ui.cli import main\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        f"print('HEAVY', *[name for name in {HEAVY} if name in sys.modules])"
    )
    command = [sys.executable, "-P", "-c", code, *arguments]
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    printed, _, heavy = done.stdout.rpartition("HEAVY")
    return printed, heavy.split()


def test_help_names_every_command_and_imports_nothing_heavy() -> None:
    printed, heavy = run_cli("--help")

    missing = [command for command in COMMANDS if command not in printed.split()]

    assert missing == []
    assert heavy == []


@pytest.mark.parametrize("command", COMMANDS)
def test_the_help_of_a_command_imports_nothing_heavy(command: str) -> None:
    printed, heavy = run_cli(command, "--help")

    assert f"commons {command}" in printed
    assert heavy == []
