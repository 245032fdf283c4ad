"""The house keeps its own rules."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
MODULES = sorted((ROOT / "src" / "muscgen").rglob("*.py"))
MOST_LINES = 300


def loaded_by(statement: str) -> set[str]:
    """Top-level modules in a fresh interpreter after `statement`."""
    code = f"{statement}; import sys; print(*{{name.split('.')[0] for name in sys.modules}})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_the_api_starts_without_an_inference_runtime():
    assert not loaded_by("import muscgen.api") & {"onnxruntime", "onnx", "torch", "transformers"}


def test_importing_muscgen_loads_next_to_nothing():
    assert not loaded_by("import muscgen") & {"numpy", "pydantic", "redis", "fastapi", "onnxruntime"}


def test_no_module_is_longer_than_a_reader_can_hold():
    lines = {str(path.relative_to(ROOT)): len(path.read_text().splitlines()) for path in MODULES}
    long = {path: count for path, count in lines.items() if count > MOST_LINES}
    assert long == {}


def test_every_room_says_what_happens_in_it():
    silent = [path for path in MODULES if not path.read_text().lstrip().startswith(('"""', 'r"""'))]
    assert silent == []


def test_every_name_of_the_package_is_there_when_asked_for():
    import muscgen

    assert {name: getattr(muscgen, name).__name__ for name in muscgen.__all__} == {
        name: name for name in muscgen.__all__
    }
