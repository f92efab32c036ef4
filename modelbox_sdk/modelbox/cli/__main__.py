"""``python -m modelbox.cli``: the same as the script ``modelbox``."""

import sys

from modelbox.cli import main

sys.exit(main())
