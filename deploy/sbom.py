"""What is inside of a Python environment, as a CycloneDX 1.6 list of parts: `python deploy/sbom.py > sbom.cdx.json`."""

from __future__ import annotations

import json
import re
from importlib.metadata import Distribution, distributions

PRODUCT = "muscgen"


def name_of(part: Distribution) -> str:
    return re.sub(r"[-_.]+", "-", part.name).lower()


def component(part: Distribution) -> dict[str, object]:
    """One part, with the licence that it states."""
    name = name_of(part)
    told = part.metadata.get("License-Expression")
    classified = [
        text.rpartition(" :: ")[2]
        for text in part.metadata.get_all("Classifier") or []
        if text.startswith("License")
    ]
    licences = [{"expression": told}] if told else [{"license": {"name": text}} for text in classified]
    return {
        "type": "application" if name == PRODUCT else "library",
        "name": name,
        "version": part.version,
        "purl": f"pkg:pypi/{name}@{part.version}",
        "licenses": licences,
    }


def main() -> None:
    parts = {name_of(part): part for part in distributions()}
    found = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"component": component(parts[PRODUCT])},
        "components": [component(part) for name, part in sorted(parts.items()) if name != PRODUCT],
    }
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
