"""What mkdocs calls while it builds the site (`make docs`).

Pages link to files of the repository as they lie there. Those outside docs/ come along under project/, and
links are turned to where files are on the site. A page that the navigation forgot stands under "More". A site
that would ask another host for anything is not built.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, InclusionLevel

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files
    from mkdocs.structure.pages import Page

ROOT = Path(__file__).parent.parent
DOCS, PROJECT = "docs/", "project/"
LINK = re.compile(r"(\]\()(?!https?:|mailto:|#)([^)\s#]+)((?:#[^)\s]*)?\))")
ASKS_ELSEWHERE = re.compile(
    r"""<(?:script|img|iframe|source|audio|video)\b[^>]*\bsrc=["']?(?:https?:)?//[^>]*>"""
    r"""|<link\b(?![^>]*\brel=["']?(?:canonical|alternate|next|prev)\b)[^>]*\bhref=["']?(?:https?:)?//[^>]*>"""
    r"""|url\(["']?(?:https?:)?//[^)]*\)""",
)


def on_files(files: Files, config: MkDocsConfig) -> Files:
    listed = set(_listed(config.nav))
    waiting = [DOCS + file.src_uri for file in files if file.src_uri.endswith(".md")]
    waiting += [path.removeprefix(PROJECT) for path in listed if path.startswith(PROJECT)]
    seen = set(waiting)
    for name in [path.removeprefix(PROJECT) for path in listed if path.startswith(PROJECT)]:
        files.append(_outside(name, config, listed))
    while waiting:
        for _, target in _links(waiting.pop()):
            if target not in seen and not target.startswith(DOCS) and (ROOT / target).is_file():
                seen.add(target)
                files.append(_outside(target, config, listed))
                if target.endswith(".md"):
                    waiting.append(target)
    forgotten = [
        file.src_uri
        for file in files
        if file.src_uri.endswith(".md")
        and not file.src_uri.startswith(PROJECT)
        and file.src_uri not in listed
        and not _has_a_list(file, listed)
    ]
    if forgotten and config.nav is not None:
        config.nav.append({"More": sorted(forgotten)})
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:  # noqa: ARG001
    origin = _origin(page.file.src_uri)
    here = posixpath.dirname(page.file.src_uri)

    def turned(match: re.Match[str]) -> str:
        target = posixpath.normpath(posixpath.join(posixpath.dirname(origin), match[2]))
        if (ROOT / target).is_dir() and (ROOT / target / "README.md").is_file():
            target = f"{target}/README.md"
        if not (ROOT / target).is_file():
            return match[0]  # mkdocs says so
        return f"{match[1]}{posixpath.relpath(_on_site(target), here or '.')}{match[3]}"

    return LINK.sub(turned, markdown)


def on_post_build(config: MkDocsConfig) -> None:
    asked = [
        f"{path}: {found[0][:200]}"
        for path in Path(config.site_dir).rglob("*")
        if path.suffix in (".html", ".css")
        for found in ASKS_ELSEWHERE.finditer(path.read_text("utf-8"))
    ]
    if asked:
        raise PluginError("the site asks other hosts:\n" + "\n".join(asked))


def _has_a_list(file: File, listed: set[str]) -> bool:
    """Whether the page of its folder, which the navigation has, lists it."""
    folder = posixpath.dirname(file.src_uri)
    if not folder or f"{folder}/README.md" not in listed:
        return False
    file.inclusion = InclusionLevel.NOT_IN_NAV
    return True


def _outside(name: str, config: MkDocsConfig, listed: set[str]) -> File:
    file = File.generated(config, PROJECT + name, abs_src_path=str(ROOT / name))
    if file.src_uri not in listed:
        file.inclusion = InclusionLevel.NOT_IN_NAV
    return file


def _listed(nav: Any) -> Iterator[str]:  # noqa: ANN401  as YAML has it
    if isinstance(nav, str):
        yield nav
    elif isinstance(nav, (list, dict)):
        for one in nav.values() if isinstance(nav, dict) else nav:
            yield from _listed(one)


def _links(name: str) -> Iterator[tuple[str, str]]:
    """Links of a file of the repository, as written and as paths below the root."""
    for match in LINK.finditer((ROOT / name).read_text("utf-8")):
        yield match[2], posixpath.normpath(posixpath.join(posixpath.dirname(name), match[2]))


def _origin(src_uri: str) -> str:
    return src_uri.removeprefix(PROJECT) if src_uri.startswith(PROJECT) else DOCS + src_uri


def _on_site(target: str) -> str:
    return target.removeprefix(DOCS) if target.startswith(DOCS) else PROJECT + target
