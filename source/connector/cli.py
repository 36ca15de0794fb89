#!/usr/bin/env python3
"""The command `keba`, as it is run: in the image and from a checkout."""

import sys
from pathlib import Path

# Run as a script, Python knows this folder only; the packages are beside it.
SOURCE = str(Path(__file__).resolve().parents[1])
if SOURCE not in sys.path:
    sys.path.insert(0, SOURCE)

from connector.tools.app import main

if __name__ == "__main__":
    main()
