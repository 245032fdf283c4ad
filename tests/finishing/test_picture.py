import io

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont
from sounds import music, noise, sine

from muscgen.audio import Audio
from muscgen.finishing import lettering, picture


def pixels(audio: Audio, title: str = "A song") -> np.ndarray:
    image = Image.open(io.BytesIO(picture.draw(audio, title)))
    assert image.format == "PNG"
    return np.asarray(image.convert("L"), dtype=float)


def spectrum(audio: Audio) -> np.ndarray:
    top, bottom = picture._SPECTRUM
    return pixels(audio)[top:bottom, picture._LEFT : picture._RIGHT]


def test_the_picture_is_wide_and_the_same_every_time():
    assert pixels(music()).shape == (picture.HEIGHT, picture.WIDTH)
    assert picture.draw(music(), "A") == picture.draw(music(), "A")


def test_a_higher_tone_is_drawn_higher():
    rows = [spectrum(sine(hz, seconds=1)).mean(axis=1).argmax() for hz in (100, 400, 1_600, 6_400)]

    assert rows == sorted(rows, reverse=True)
    assert len(set(rows)) == 4


def test_the_second_half_is_on_the_right():
    samples = noise(seconds=2).samples
    samples[:, :48_000] = 0
    brightness = spectrum(Audio(samples, 48_000)).mean(axis=0)

    assert brightness[:500].mean() < 30 < brightness[-500:].mean()


def test_louder_colours_are_lighter():
    ramp = np.linspace(0, 1, 256)[None]
    light = picture._colours(ramp)[0] @ [0.2126, 0.7152, 0.0722]

    assert (np.diff(light) >= -1e-9).all()


@pytest.mark.parametrize("audio", [noise(seconds=3 / 48_000), Audio(np.zeros((2, 8_000), np.float32), 8_000)])
def test_the_shortest_sound_and_silence_have_pictures(audio):
    assert pixels(audio).any()


def title_of(text: str) -> np.ndarray:
    return pixels(music(), text)[:60, : picture._RIGHT // 2]


def test_the_title_is_written_and_letters_without_a_picture_have_a_stand_in():
    assert np.ptp(title_of("")) == 0
    assert not np.array_equal(title_of("a song"), title_of("another"))
    assert np.array_equal(title_of("für Ärger — 日"), title_of("fur Arger - ?"))


def test_letters_look_as_those_that_pillow_draws():
    mask, baseline = lettering.drawn("Funk, 125 bpm", 22)
    image = Image.new("L", (mask.shape[1], mask.shape[0]))
    at = (0, round(baseline))
    ImageDraw.Draw(image).text(at, "Funk, 125 bpm", fill=255, font=ImageFont.load_default(22), anchor="ls")
    ours, judge = mask.sum(axis=1), np.asarray(image).sum(axis=1) / 255

    assert np.corrcoef(ours, judge)[0, 1] > 0.95
    assert ours.sum() == pytest.approx(judge.sum(), rel=0.1)
    large = ImageFont.load_default(2_200).getlength("Funk, 125 bpm")  # it rounds each letter to a pixel
    assert lettering.width_px("Funk, 125 bpm", 22) == pytest.approx(large / 100, rel=0.01)


def test_any_title_is_one_line_that_fits():
    margin = pixels(music(), "long " * 200 + "\nsecond line\x00")[:60, picture._RIGHT + 4 :]

    assert np.ptp(margin) == 0


def test_nothing_has_no_picture():
    with pytest.raises(ValueError, match="sound"):
        picture.draw(Audio(np.zeros((1, 0), np.float32), 8_000), "")
