"""A Gradio page in front of a muscgen service.

pip install gradio muscgen
python app.py --url http://127.0.0.1:8000
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import Any

import gradio as gr

import muscgen

EXAMPLES = [
    "upbeat funk with slap bass and drums, 125 bpm, A minor",
    "lofi hip hop, mellow electric piano",
    "sad violin over strings in D minor, slow",
]


class Studio:
    """What the page does; one client for all visitors."""

    def __init__(self, client: muscgen.Client) -> None:
        self.client = client
        self.folder = Path(tempfile.mkdtemp(prefix="muscgen-gradio-"))

    def models(self) -> list[str]:
        return [model["id"] for model in self.client.models() if "text" in model["modes"]]

    def song(
        self,
        prompt: str,
        seconds: float,
        seed: float | None,
        model: str,
        progress: gr.Progress = gr.Progress(),
    ) -> tuple[str, dict[str, Any]]:
        """The finished file and what was measured in it; a refusal in the service's own words."""
        wish: dict[str, Any] = {"duration": seconds, "model": model}
        if seed is not None:
            wish["seed"] = int(seed)
        try:
            job = self.client.submit(prompt, **wish)
            for event in job.events():
                if event.kind == "progress":
                    done = float(event.payload.get("fraction", 0.0))
                    progress(done, desc=str(event.payload.get("stage") or "playing"))
            job.wait()
            made = job.outputs[0]
            path = job.save(self.folder / f"{made.artifact.id[:16]}.wav")
        except muscgen.MuscgenError as error:
            raise gr.Error(" ".join(filter(None, (error.detail, error.suggestion)))) from error
        facts = {"seed": made.seed, "license": job.now.model["license"], **made.analysis}
        return str(path), facts


def page(client: muscgen.Client) -> gr.Blocks:
    studio = Studio(client)
    models = studio.models()
    with gr.Blocks(title="muscgen", analytics_enabled=False) as blocks:
        gr.Markdown("# muscgen\nSay what the song should be.")
        with gr.Row():
            with gr.Column():
                prompt = gr.Textbox(label="Prompt", lines=2, value=EXAMPLES[0])
                gr.Examples(EXAMPLES, prompt)
                seconds = gr.Slider(1, 60, value=10, step=1, label="Seconds")
                seed = gr.Number(label="Seed", precision=0, value=None, minimum=0)
                model = gr.Dropdown(models, value=models[0], label="Model")
                make = gr.Button("Make music", variant="primary")
            with gr.Column():
                sound = gr.Audio(label="Song", type="filepath", interactive=False)
                facts = gr.JSON(label="Measured in the file")
        make.click(studio.song, [prompt, seconds, seed, model], [sound, facts], api_name="song")
    return blocks


def main() -> None:
    parser = argparse.ArgumentParser(description="A Gradio page in front of a muscgen service.")
    parser.add_argument("--url", default="http://127.0.0.1:8000", help="the service")
    parser.add_argument("--key", help="its API key")
    parser.add_argument("--port", type=int, default=7860)
    asked = parser.parse_args()
    with muscgen.Client(asked.url, key=asked.key) as client:
        page(client).launch(server_name="127.0.0.1", server_port=asked.port)


if __name__ == "__main__":
    main()
