"""``python -m affekt``, and with it ``accelerate launch -m affekt``."""

import sys

from affekt.cli import main

if __name__ == "__main__":
    sys.exit(main())
