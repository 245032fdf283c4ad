"""What is attached to a song's file."""

RECEIPT = "receipt.json"
CREDENTIALS = "credentials.c2pa"  # where the file's format has no place for them
