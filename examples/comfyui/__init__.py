"""ComfyUI nodes that ask a muscgen service. Copy this folder to ComfyUI's custom_nodes/muscgen.

Nothing is installed: torch comes with ComfyUI, and the service is asked by the standard library. AUDIO is
ComfyUI's own: {"waveform": float32 [B, C, T], "sample_rate": Hz}.
"""

from .nodes import GoOn, Song

NODE_CLASS_MAPPINGS = {"MuscgenSong": Song, "MuscgenGoOn": GoOn}
NODE_DISPLAY_NAME_MAPPINGS = {"MuscgenSong": "Song (muscgen)", "MuscgenGoOn": "Go on from sound (muscgen)"}

__all__ = ["NODE_CLASS_MAPPINGS", "NODE_DISPLAY_NAME_MAPPINGS"]
