"""``python -m feedmill`` is the command ``feedmill``."""

import sys

from feedmill.cli import main

sys.exit(main())
