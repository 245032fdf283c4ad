"""Doors that other vendors' own clients know: Replicate's, ElevenLabs', and one in the manner of OpenAI's.

Each turns what it is asked into a wish of POST /generate and hands it to the same gate, so keys, limits,
licences, prompts, marks and receipts hold here too. What cannot be honoured is refused by name, in the shape
in which that vendor's client reads errors (`shapes`). docs/compatible.md has the tables.
"""
