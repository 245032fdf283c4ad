"""`python -m pages`: write every page, and every part of a page, that follows from the code."""

from __future__ import annotations

from pages.written import ROOT, written


def main() -> None:
    for name, text in written().items():
        path = ROOT / name
        if not path.exists() or path.read_text("utf-8") != text:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, "utf-8")
            print(f"{name}: written anew")


if __name__ == "__main__":
    main()
