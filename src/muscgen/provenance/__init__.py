"""What a song says of its origin: its watermark, its credentials, its receipt."""
