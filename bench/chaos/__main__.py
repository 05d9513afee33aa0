"""python -m bench.chaos: see `bench.chaos.runs`."""

import sys

from bench.chaos.runs import main

sys.exit(main())
