"""The house rules, held by tests: sizes, layers, types, names and papers."""

import ast
import functools
import hashlib
import re
import subprocess
import sysconfig
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
LAYERS = ("identity", "crdt", "node", "ui")
MAX_FILE_LINES = 400
MAX_FUNCTION_LINES = 50
MAX_COMPLEXITY = 8
MAX_PARAMETERS = 5
VAGUE_NAMES = {"utils", "util", "helpers", "helper", "manager", "common", "misc"}
PAPERS = (
    "README.md",
    "ARCHITECTURE.md",
    "CONTRIBUTING.md",
    "DECISIONS.md",
    "CHANGELOG.md",
    "SECURITY.md",
    "LICENSE",
)
LICENCE_SHA256 = "0d96a4ff68ad6d4b6f1f30f713b18d5184912ba8dd389f86aa7710db079abcb0"
REGISTRY_HOSTS = re.compile(
    r"pypi\.org|pythonhosted\.org|npmjs\.(?:org|com)|deb\.debian\.org|crates\.io", re.IGNORECASE
)
MACHINE_PATHS = re.compile(r"(?<![\w./])/(?:work|root|opt)/\w")
LINK = re.compile(r"\]\(([^)#\s]+)")
SLEEPERS: dict[str, str] = {
    "tests/processes.py": "polls other processes, and ends them at drawn moments",
    "tests/net/test_discovery.py": "polls a process in another network namespace",
}  # a test file that may call time.sleep, and why nothing can be waited for instead


@functools.cache
def tracked() -> tuple[str, ...]:
    """Return the path of every file that belongs to the project, from its root."""
    if not (ROOT / ".git").exists():  # an unpacked archive holds nothing else
        return tuple(str(path.relative_to(ROOT)) for path in ROOT.rglob("*") if is_ours(path))
    git = ["git", "-c", "safe.directory=*", "ls-files", "-z"]
    listing = subprocess.run(git, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    return tuple(path for path in listing.split("\0") if path and (ROOT / path).is_file())


def is_ours(path: Path) -> bool:
    """Tell a file of the project from what tools leave beside it."""
    parts = path.relative_to(ROOT).parts
    return path.is_file() and not any(part.startswith(".") or part == "__pycache__" for part in parts)


def python_files(*folders: str) -> tuple[str, ...]:
    """Return the project's Python files below some folders; below none: all of them, with the launcher."""
    if not folders:
        return ("commons", *(path for path in tracked() if path.endswith(".py")))
    return tuple(path for path in python_files() if path.split("/")[0] in folders)


@functools.cache
def tree(path: str) -> ast.Module:
    """Return a Python file's syntax tree."""
    return ast.parse((ROOT / path).read_text(encoding="utf-8"), path)


def functions(path: str) -> Iterator[tuple[str, int]]:
    """Give each function of a file as `path:line name` with its length in lines, decorators left out."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield f"{path}:{node.lineno} {node.name}", (node.end_lineno or node.lineno) - node.lineno + 1


def texts() -> Iterator[tuple[str, str]]:
    """Give the path and the words of each file of the project that holds text."""
    for path in tracked():
        content = (ROOT / path).read_bytes()
        if b"\0" not in content[:8192]:
            yield path, content.decode("utf-8", errors="replace")


def lines_with(pattern: re.Pattern[str]) -> list[str]:
    """Return each line of the project's text files in which a pattern occurs, with its place."""
    return [
        f"{path}:{number}: {line.strip()[:120]}"
        for path, text in texts()
        if pattern.search(text)
        for number, line in enumerate(text.splitlines(), 1)
        if pattern.search(line)
    ]


def run_tool(name: str, *arguments: str) -> None:
    """Run a checker of this environment and fail with its own words."""
    command = [str(Path(sysconfig.get_path("scripts"), name)), *arguments]
    done = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True)
    if done.returncode != 0:
        pytest.fail(f"{name} {arguments[0] if arguments else ''}\n{done.stdout}{done.stderr}", pytrace=False)


def test_no_file_is_longer_than_400_lines() -> None:
    lengths = {path: len((ROOT / path).read_text(encoding="utf-8").splitlines()) for path in python_files()}

    too_long = {path: lines for path, lines in lengths.items() if lines > MAX_FILE_LINES}

    assert too_long == {}


def test_no_function_is_longer_than_50_lines() -> None:
    lengths = [found for path in python_files(*LAYERS, "examples", "commons") for found in functions(path)]

    too_long = {place: lines for place, lines in lengths if lines > MAX_FUNCTION_LINES}

    assert too_long == {}


def test_the_linter_holds_complexity_and_parameters_everywhere_but_in_tests() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["ruff"]["lint"]
    sizes = {"C90", "C901", "PLR0913"}

    excused = {place for place, codes in settings["per-file-ignores"].items() if sizes & set(codes)}
    silenced = [
        f"{path}:{number}"
        for path in python_files(*LAYERS, "examples")
        for number, line in enumerate((ROOT / path).read_text(encoding="utf-8").splitlines(), 1)
        if re.search(r"#\s*noqa.*(C901|PLR0913)", line)
    ]

    assert settings["mccabe"]["max-complexity"] == MAX_COMPLEXITY
    assert settings["pylint"]["max-args"] == MAX_PARAMETERS
    assert {"C90", "PLR0913"} <= set(settings["select"])
    assert sizes & set(settings["ignore"]) == set()
    assert excused == {"tests/**"}
    assert silenced == []


def test_the_linter_finds_nothing() -> None:
    run_tool("ruff", "check", "--output-format=concise", *python_files())


def test_every_file_is_formatted() -> None:
    run_tool("ruff", "format", "--check", *python_files())


def test_imports_point_only_downwards() -> None:
    run_tool("lint-imports", "--no-logo")


def test_the_types_hold_in_strict_mode() -> None:
    run_tool("mypy", "--no-error-summary")


def test_package_files_hold_a_docstring_and_nothing_else() -> None:
    packages = [path for path in python_files(*LAYERS) if path.endswith("/__init__.py")]

    wrong = [path for path in packages if len(tree(path).body) != 1 or ast.get_docstring(tree(path)) is None]

    assert packages != []
    assert wrong == []


def test_every_folder_of_modules_is_a_package() -> None:
    folders = {str(Path(path).parent) for path in python_files(*LAYERS)}

    bare = sorted(folder for folder in folders if f"{folder}/__init__.py" not in python_files())

    assert bare == []


def test_no_module_has_a_vague_name() -> None:
    parts = {path: set(Path(path).with_suffix("").parts) for path in python_files(*LAYERS, "tests", "tools")}

    vague = [path for path, names in parts.items() if names & VAGUE_NAMES]

    assert vague == []


def test_no_file_names_the_host_of_a_package_registry() -> None:
    assert lines_with(REGISTRY_HOSTS) == []


def test_no_file_names_a_path_of_one_machine() -> None:
    assert lines_with(MACHINE_PATHS) == []


def sleeps(path: str) -> bool:
    """Tell whether a file calls time.sleep, by either of its names."""
    calls = [ast.unparse(node.func) for node in ast.walk(tree(path)) if isinstance(node, ast.Call)]
    imports = [ast.unparse(node) for node in ast.walk(tree(path)) if isinstance(node, ast.ImportFrom)]
    renamed = any(line.startswith("from time import") and "sleep" in line for line in imports)
    return "time.sleep" in calls or renamed


def test_tests_wait_for_facts_and_do_not_sleep() -> None:
    sleeping = {path for path in python_files("tests") if sleeps(path)}

    assert sleeping == set(SLEEPERS)


@pytest.mark.parametrize("paper", PAPERS)
def test_the_paper_exists(paper: str) -> None:
    assert (ROOT / paper).is_file()
    assert (ROOT / paper).read_text(encoding="utf-8").strip()


def test_the_licence_is_the_whole_published_text() -> None:
    assert hashlib.sha256((ROOT / "LICENSE").read_bytes()).hexdigest() == LICENCE_SHA256


def papers() -> dict[str, str]:
    """Return the words of every Markdown file of the project."""
    return {path: text for path, text in texts() if path.endswith(".md")}


def test_links_in_the_papers_lead_somewhere() -> None:
    links = [(paper, link) for paper, text in papers().items() for link in LINK.findall(text)]
    local = [(paper, link) for paper, link in links if "://" not in link and not link.startswith("mailto:")]

    broken = [(paper, link) for paper, link in local if not (ROOT / paper).parent.joinpath(link).exists()]

    assert broken == []


def test_every_test_that_a_paper_names_exists() -> None:
    named = {name for text in papers().values() for name in re.findall(r"`(test_\w+)`", text)}

    written = {place.split()[-1] for path in python_files("tests") for place, _ in functions(path)}
    files = {Path(path).stem for path in python_files("tests")}

    assert named - written - files == set()
