"""An evaluation as a page of its own: figures, plots, and the songs to listen to."""

from __future__ import annotations

import base64
import os
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import quote

from muscgen.evaluation import plots
from muscgen.evaluation.baseline import Change
from muscgen.evaluation.judge import JUDGED, Song
from muscgen.evaluation.measures import Measure
from muscgen.evaluation.report import Evaluation, playable, song_dict, song_file
from muscgen.finishing.encode import encode

_PLAYERS = 24  # songs within the page; the others are linked
_KBPS = 96
_LOWEST_HZ = 16_000  # for that many kbit/s
_STYLE = """
:root { color-scheme: light dark }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 72rem; margin: 2rem auto; padding: 0 1rem }
table { border-collapse: collapse; width: 100%; margin: 1rem 0 }
th, td { text-align: left; padding: .3rem .6rem; border-bottom: 1px solid #8884; vertical-align: top }
td.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap }
.worse, .bad { color: #c1121f; font-weight: 600 } .better { color: #0b6e4f; font-weight: 600 }
.small { font-size: .85em; opacity: .8 } audio { width: 15rem; height: 2rem }
.plots { display: flex; flex-wrap: wrap; gap: 1rem } .wide { overflow-x: auto }
"""


def page(evaluation: Evaluation, changes: Sequence[Change], folder: Path) -> str:
    """HTML for a folder that needs nothing from elsewhere, but for the songs beyond the first 24."""
    title = f"Evaluation of {evaluation.model['id'] if evaluation.model else 'sounds in a folder'}"
    judged = evaluation.judgement
    own = [(name, judged.measures[name]) for name in JUDGED if name in judged.measures]
    parts = [
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<style>{_STYLE}</style></head><body><h1>{escape(title)}</h1>",
        _setting(evaluation),
        *(f'<p class="bad">{escape(words)}</p>' for words in judged.warnings),
        "<h2>What was asked</h2>" if own else "",
        plots.bars([(name, one.value, one.more.get("exchanged")) for name, one in own]),
        '<p class="small">Thin bars: the same songs against the other prompts.</p>' if own else "",
        "<h2>Distance to the reference</h2>",
        f'<div class="plots">{"".join(plots.line(name, one) for name, one in judged.curves.items())}</div>',
        "<h2>All figures</h2>",
        _figures(judged.measures, {change.name: change for change in changes}),
        "<h2>Songs</h2>",
        _songs(judged.songs, folder),
        "</body></html>\n",
    ]
    return "\n".join(part for part in parts if part)


def _setting(evaluation: Evaluation) -> str:
    setting, model = evaluation.setting, evaluation.model
    who = f"{model['id']} (weights {model['revision'][:12]}, {model['license']}): " if model else ""
    words = ", ".join(f"{name.replace('_', ' ')} {_short(value)}" for name, value in setting.items())
    return f"<p>{escape(who + words)}</p>"


def _figures(measures: Mapping[str, Measure], changes: Mapping[str, Change]) -> str:
    head = "<tr><th>figure</th><th>value</th><th>before</th><th>better</th><th></th></tr>"
    rows = [_figure(name, measure, changes.get(name)) for name, measure in measures.items()]
    gone = [
        f'<tr><td>{escape(name)}</td><td class="worse">not measured</td><td class="number">'
        f"{change.before:.4g}</td><td></td><td></td></tr>"
        for name, change in changes.items()
        if name not in measures
    ]
    return f'<div class="wide"><table>{head}{"".join(rows + gone)}</table></div>'


def _figure(name: str, measure: Measure, change: Change | None) -> str:
    mark = "" if change is None else "worse" if change.worse else "better" if change.better else ""
    before = "" if change is None else f"{change.before:.4g}"
    more = ", ".join(f"{key.replace('_', ' ')} {_short(value)}" for key, value in measure.more.items())
    return (
        f'<tr><td><code>{escape(name)}</code></td><td class="number {mark}">{measure.value:.4g}</td>'
        f'<td class="number">{before}</td><td>{measure.better}</td>'
        f'<td>{escape(measure.about)}<br><span class="small">{escape(more)}</span></td></tr>'
    )


def _songs(songs: Sequence[Song], folder: Path) -> str:
    head = "<tr><th>song</th><th>prompt</th><th>asked</th><th>heard</th><th>nearest</th></tr>"
    rows = [
        _song(song, _player(song) if n < _PLAYERS else _link(song, folder)) for n, song in enumerate(songs)
    ]
    return f'<div class="wide"><table>{head}{"".join(rows)}</table></div>'


def _song(song: Song, player: str) -> str:
    fields = song_dict(song)
    near, heard = fields["nearest"], fields["heard"]
    cells = (
        f'{player}<br><span class="small">{escape(song.clip.name)}</span>'
        + (f'<br><span class="bad">{escape(song.bad)}</span>' if song.bad else ""),
        escape(fields["prompt"] or ""),
        escape(_facts(fields["asked"] or {})),
        escape(_facts(heard)),
        f"{escape(near['tune_of'])} <span class='small'>tune {near['tune']:.2f}</span>"
        + (f"<br><span class='bad'>copy of {escape(near['recording'])}</span>" if near["is_copy"] else ""),
    )
    return f"<tr>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>"


def _facts(fields: Mapping[str, Any]) -> str:
    families = ", ".join(fields.get("families", ()))
    without = "".join(f", no {name}" for name in fields.get("without", ()))
    bpm = f"{fields['bpm']:g} bpm" if fields.get("bpm") else ""
    return " · ".join(part for part in (bpm, fields.get("key") or "", families + without) if part)


def _player(song: Song) -> str:
    audio = playable(song.clip.audio)
    kbps = _KBPS if audio.sample_rate >= _LOWEST_HZ else None
    sound = base64.b64encode(encode(audio, "mp3", kbps)).decode()
    return f'<audio controls preload="none" src="data:audio/mpeg;base64,{sound}"></audio>'


def _link(song: Song, folder: Path) -> str:
    """To the song that is written beside the page, or lay somewhere before."""
    file = song.clip.file
    name = song_file(song)
    if file is not None:
        name = Path(os.path.relpath(file.parent.resolve(), folder.resolve()), file.name)
    return f'<audio controls preload="none" src="{escape(quote(name.as_posix()), quote=True)}"></audio>'


def _short(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    text = str(value)
    return f"{text[:12]}…" if len(text) == 64 else text
