"""Models from elsewhere: a hub, a bucket, a web server, a folder.

wish ─► licence ─► lock ─► plan ─► room on the disk ─► files: part ─► digest ─► name ─► card, record ─► place
"""
