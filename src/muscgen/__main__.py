"""`python -m muscgen`."""

from muscgen.cli import main

main()
