"""The scripts in profiling/ import each other as scripts do, from their own folder."""

import sys
from pathlib import Path

FOLDER = Path(__file__).parents[2] / "profiling"
sys.path.insert(0, str(FOLDER))
