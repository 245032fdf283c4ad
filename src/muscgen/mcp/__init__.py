"""The service for assistants, over the Model Context Protocol: tools, songs as resources, progress.

`muscgen mcp` speaks it over standard input and output, for a service at a URL.
"""

from muscgen.mcp.server import server_of
from muscgen.mcp.tools import Asker

__all__ = ["Asker", "server_of"]
