"""The nodes: a song from words, and a song that goes on from a sound."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from .service import Service
from .sound import from_wavs, to_wav

Audio = dict[str, Any]
LARGEST_SEED = 2**53 - 1
SERVICE = {
    "url": ("STRING", {"default": "http://127.0.0.1:8000"}),
    "api_key": ("STRING", {"default": ""}),
    "model": ("STRING", {"default": "muscgen-tiny"}),
}
PROMPT = ("STRING", {"multiline": True, "default": "lofi hip hop, mellow electric piano"})
SEED = ("INT", {"default": 7, "min": 0, "max": LARGEST_SEED, "control_after_generate": True})


class _Node:
    CATEGORY = "audio/muscgen"
    RETURN_TYPES = ("AUDIO", "STRING")
    RETURN_NAMES = ("audio", "job")
    FUNCTION = "make"


class Song(_Node):
    """Words to music. Variations come as a batch."""

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:  # noqa: N802  ComfyUI's name
        seconds = ("FLOAT", {"default": 10.0, "min": 0.5, "max": 600.0, "step": 0.5})
        return {
            "required": {
                "prompt": PROMPT,
                "seconds": seconds,
                "seed": SEED,
                "variations": ("INT", {"default": 1, "min": 1, "max": 8}),
            },
            "optional": {"negative_prompt": ("STRING", {"default": ""}), **SERVICE},
        }

    def make(
        self,
        prompt: str,
        seconds: float,
        seed: int,
        variations: int,
        negative_prompt: str = "",
        url: str = "http://127.0.0.1:8000",
        api_key: str = "",
        model: str = "muscgen-tiny",
    ) -> tuple[Audio, str]:
        wish = {"prompt": prompt, "duration": seconds, "seed": seed, "n": variations, "model": model}
        if negative_prompt:
            wish["negative_prompt"] = negative_prompt
        return _made(Service(url, api_key), wish)


class GoOn(_Node):
    """Sound to more of it; the seconds count what is there."""

    BASES: ClassVar[list[str]] = ["own", "licensed", "public_domain", "cc"]

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:  # noqa: N802
        seconds = ("FLOAT", {"default": 20.0, "min": 1.0, "max": 600.0, "step": 0.5})
        return {
            "required": {
                "audio": ("AUDIO",),
                "consent": (cls.BASES,),
                "prompt": PROMPT,
                "seconds": seconds,
                "seed": SEED,
            },
            "optional": SERVICE,
        }

    def make(
        self,
        audio: Audio,
        consent: str,
        prompt: str,
        seconds: float,
        seed: int,
        url: str = "http://127.0.0.1:8000",
        api_key: str = "",
        model: str = "muscgen-tiny",
    ) -> tuple[Audio, str]:
        service = Service(url, api_key)
        wish = {
            "mode": "continuation",
            "prompt": prompt,
            "duration": seconds,
            "seed": seed,
            "model": model,
            "conditioning": {"prompt_audio": {"artifact_id": service.upload(to_wav(audio))}},
            "rights": {"input_audio_consent": {"basis": consent}},
        }
        return _made(service, wish)


def _made(service: Service, wish: dict[str, Any]) -> tuple[Audio, str]:
    told, stopped = _comfyui()
    job = service.song(wish, told, stopped)
    urls = [output["artifact"]["url"] for output in job["outputs"]]
    return from_wavs([service.content(url) for url in urls]), job["id"]


def _comfyui() -> tuple[Callable[[float], None], Callable[[], bool]]:
    """Its progress bar and its stop button; elsewhere nobody watches, and nothing stops."""
    try:
        import comfy.model_management
        import comfy.utils
    except ImportError:
        return lambda _: None, lambda: False
    bar = comfy.utils.ProgressBar(100)
    return lambda done: bar.update_absolute(round(done * 100)), comfy.model_management.processing_interrupted
