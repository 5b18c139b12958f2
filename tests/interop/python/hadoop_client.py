"""Hadoop makes no bucket itself: this does, and becomes the program that is its argument."""

import os
import sys

from s3tool import make_bucket

make_bucket("hadoop")
os.execvp(sys.argv[1], [*sys.argv[1:], "hadoop"])
