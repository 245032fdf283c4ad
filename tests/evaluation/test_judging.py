"""Songs that are none."""

import numpy as np
from data.tunes import tune

from muscgen.audio import Audio
from muscgen.evaluation.clips import Clip
from muscgen.evaluation.embeddings import offline
from muscgen.evaluation.judge import Judges, judge
from muscgen.evaluation.reference import gathered


def test_a_song_of_numbers_that_are_none_is_bad_and_the_others_are_judged(reference):
    judges = Judges(tuple(offline()))
    tracks = gathered(reference, 10, 0, judges.embeddings, None, lambda *_: None)
    good = np.ascontiguousarray(tune(31, 6.0).T)
    broken = np.full_like(good, np.nan)
    clips = [Clip("good", Audio(good, 22_050)), Clip("broken", Audio(broken, 22_050))]
    found = judge(clips, tracks, judges, 0, lambda *_: None)
    assert found.measures["bad_songs"].value == 0.5
    assert [bool(song.bad) for song in found.songs] == [False, True]
    assert all(np.isfinite(measure.value) for measure in found.measures.values())
