"""Telling others what happens to jobs: signed, until it is heard, and never to our own network.

The outbox is the queue's (`jobs/outbox.py`); here it is emptied.
"""

from muscgen.webhooks.addresses import check_hook
from muscgen.webhooks.dispatcher import Dispatcher
from muscgen.webhooks.secrets import Secrets, secrets_of
from muscgen.webhooks.sender import Sender
from muscgen.webhooks.transport import CheckedTransport

__all__ = ["CheckedTransport", "Dispatcher", "Secrets", "Sender", "check_hook", "secrets_of"]
