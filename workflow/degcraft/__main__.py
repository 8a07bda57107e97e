"""`python -m degcraft` is the command `degcraft`."""

import sys

from degcraft.commands import main

if __name__ == "__main__":
    sys.exit(main())
