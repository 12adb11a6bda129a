"""Reading finished builds; nothing else in sign-etl opens one.

from sign_etl.reader import open_build

build = open_build("builds/wlasl100")
for sample in build:
    keypoints = build.keypoints(sample.key)
"""

from sign_etl.reader.build import Build, open_build
from sign_etl.reader.sample import MemberRow, Sample

__all__ = ["Build", "MemberRow", "Sample", "open_build"]
